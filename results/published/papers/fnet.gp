# The mixing layer of FNet against attention: time by size and length, memory by length. Made by labench; gnuplot fnet.gp draws it again from fnet.dat.
# Shared by all figures.
set encoding utf8
set datafile missing 'nan'
set border 3 lw 0.8 lc rgb '#333333'
set tics nomirror out scale 0.6, 0.3 textcolor rgb '#333333'
set key off
set dashtype 2 (8, 4)
set dashtype 3 (2, 3)
set dashtype 4 (12, 3, 3, 3)
set dashtype 5 (4, 2)
set bars 0.5

# Columns of the data: published, ours, and the ends of our interval; the first block of a panel is its band.
set terminal svg size 720,380 fixed enhanced font 'DejaVu Sans,11' background rgb '#ffffff'
set output 'fnet.svg'
set multiplot
set label 'The mixing layer of FNet against attention: time by size and length, memory by length' at screen 0.0125, screen 0.9526 left font ',13' tc rgb '#111111'
set label 'Self-attention' at screen 0.7444, screen 0.8158 left font ',10' tc rgb '#111111' point pt 7 ps 0.8 lc rgb '#0072b2' offset char 1.2, 0
set label 'Performer' at screen 0.7444, screen 0.7711 left font ',10' tc rgb '#111111' point pt 11 ps 0.8 lc rgb '#e69f00' offset char 1.2, 0
set label 'FNet' at screen 0.7444, screen 0.7263 left font ',10' tc rgb '#111111' point pt 13 ps 0.8 lc rgb '#000000' offset char 1.2, 0
set label 'Each point is a place of the table: 10 of 18 that have a published value. Dashed: equal; shaded: the tolerance stated. Bars: our intervals. Paper: Lee-Thorp,' at screen 0.012, screen 0.1237 left font ',8' tc rgb '#555555'
set label 'Ainslie, Eckstein, Ontanon, FNet: Mixing Tokens with Fourier Transforms, arXiv:2105.03824, NAACL 2022, Tables 8 and 4b (S: one secondary transcription). Here,' at screen 0.012, screen 0.0895 left font ',8' tc rgb '#555555'
set label 'scale cpu: batch 1, float32, without projections, one round of at most half a second a cell; memory is that of one mixing layer forward and backward with its' at screen 0.012, screen 0.0553 left font ',8' tc rgb '#555555'
set label 'inputs, 4 heads of 64, Performer with 266 features, and not of a model. Sweep 66e0cd1c, 09ec215d, 738dddf6, 2026-11-21, AMD EPYC, 2 cores, 24 GiB.' at screen 0.012, screen 0.0211 left font ',8' tc rgb '#555555'
set label 'Table 8: speed-up over attention' at screen 0.0333, screen 0.8737 left font ',10' tc rgb '#111111'
set lmargin at screen 0.0889
set rmargin at screen 0.3500
set bmargin at screen 0.3421
set tmargin at screen 0.8368
unset logscale xy
set xrange [0:23.5238]
set yrange [0:23.5238]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'fnet.dat' index 0 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 0 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 1 using 1:2:3:4 with yerrorbars pt 13 ps 0.7 lw 1 lc rgb '#000000'
unset label
set label 'Table 4b: memory, FNet = 1' at screen 0.4056, screen 0.8737 left font ',10' tc rgb '#111111'
set lmargin at screen 0.4611
set rmargin at screen 0.7222
set bmargin at screen 0.3421
set tmargin at screen 0.8368
set logscale xy 10
set xrange [1.187:18.4657]
set yrange [1.187:18.4657]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'fnet.dat' index 2 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 2 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 3 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#0072b2', \
     '' index 4 using 1:2:3:4 with yerrorbars pt 11 ps 0.7 lw 1 lc rgb '#e69f00'
unset label

unset multiplot
set terminal pngcairo size 1440,760 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'fnet.png'
set multiplot
set label 'The mixing layer of FNet against attention: time by size and length, memory by length' at screen 0.0125, screen 0.9526 left font ',13' tc rgb '#111111'
set label 'Self-attention' at screen 0.7444, screen 0.8158 left font ',10' tc rgb '#111111' point pt 7 ps 0.8 lc rgb '#0072b2' offset char 1.2, 0
set label 'Performer' at screen 0.7444, screen 0.7711 left font ',10' tc rgb '#111111' point pt 11 ps 0.8 lc rgb '#e69f00' offset char 1.2, 0
set label 'FNet' at screen 0.7444, screen 0.7263 left font ',10' tc rgb '#111111' point pt 13 ps 0.8 lc rgb '#000000' offset char 1.2, 0
set label 'Each point is a place of the table: 10 of 18 that have a published value. Dashed: equal; shaded: the tolerance stated. Bars: our intervals. Paper: Lee-Thorp,' at screen 0.012, screen 0.1237 left font ',8' tc rgb '#555555'
set label 'Ainslie, Eckstein, Ontanon, FNet: Mixing Tokens with Fourier Transforms, arXiv:2105.03824, NAACL 2022, Tables 8 and 4b (S: one secondary transcription). Here,' at screen 0.012, screen 0.0895 left font ',8' tc rgb '#555555'
set label 'scale cpu: batch 1, float32, without projections, one round of at most half a second a cell; memory is that of one mixing layer forward and backward with its' at screen 0.012, screen 0.0553 left font ',8' tc rgb '#555555'
set label 'inputs, 4 heads of 64, Performer with 266 features, and not of a model. Sweep 66e0cd1c, 09ec215d, 738dddf6, 2026-11-21, AMD EPYC, 2 cores, 24 GiB.' at screen 0.012, screen 0.0211 left font ',8' tc rgb '#555555'
set label 'Table 8: speed-up over attention' at screen 0.0333, screen 0.8737 left font ',10' tc rgb '#111111'
set lmargin at screen 0.0889
set rmargin at screen 0.3500
set bmargin at screen 0.3421
set tmargin at screen 0.8368
unset logscale xy
set xrange [0:23.5238]
set yrange [0:23.5238]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'fnet.dat' index 0 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 0 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 1 using 1:2:3:4 with yerrorbars pt 13 ps 0.7 lw 1 lc rgb '#000000'
unset label
set label 'Table 4b: memory, FNet = 1' at screen 0.4056, screen 0.8737 left font ',10' tc rgb '#111111'
set lmargin at screen 0.4611
set rmargin at screen 0.7222
set bmargin at screen 0.3421
set tmargin at screen 0.8368
set logscale xy 10
set xrange [1.187:18.4657]
set yrange [1.187:18.4657]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'fnet.dat' index 2 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 2 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 3 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#0072b2', \
     '' index 4 using 1:2:3:4 with yerrorbars pt 11 ps 0.7 lw 1 lc rgb '#e69f00'
unset label

unset multiplot
