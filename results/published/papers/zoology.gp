# Multi-query associative recall by length, pairs and width. Made by labench; gnuplot zoology.gp draws it again from zoology.dat.
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
set terminal svg size 720,885 fixed enhanced font 'DejaVu Sans,11' background rgb '#ffffff'
set output 'zoology.svg'
set multiplot
set label 'Multi-query associative recall by length, pairs and width' at screen 0.0125, screen 0.9797 left font ',13' tc rgb '#111111'
set label 'Attention' at screen 0.7444, screen 0.9209 left font ',10' tc rgb '#111111' point pt 7 ps 0.8 lc rgb '#0072b2' offset char 1.2, 0
set label 'Each point is a place of the table: 16 of 100 that have a published value. Dashed: equal; shaded: the tolerance stated. Bars: our intervals. Paper: Arora,' at screen 0.012, screen 0.0678 left font ',8' tc rgb '#555555'
set label 'Eyuboglu, Timalsina, Johnson, Poli, Zou, Rudra, Re: Zoology: Measuring and Improving Recall in Efficient Language Models, arXiv:2312.04927, ICLR 2024, Figure 2' at screen 0.012, screen 0.0531 left font ',8' tc rgb '#555555'
set label '(D: read off the authors'' figure). Here, scale cpu: Widths halved to 32, 64 and 128, two heads, vocabulary 512; in place of 512 tokens with 64 pairs 256 with' at screen 0.012, screen 0.0384 left font ',8' tc rgb '#555555'
set label '32. One model a width for all lengths, trained on 64 to 256 tokens with 4 to 32 pairs, 600 steps of 4096 tokens at 1e-2, one seed; no search over rates. Sweep' at screen 0.012, screen 0.0237 left font ',8' tc rgb '#555555'
set label '0d6af81e, 2026-11-21, AMD EPYC, 2 cores, 24 GiB.' at screen 0.012, screen 0.0090 left font ',8' tc rgb '#555555'
set label '64 tokens, 4 pairs (accuracy)' at screen 0.0333, screen 0.9458 left font ',10' tc rgb '#111111'
set lmargin at screen 0.0889
set rmargin at screen 0.3500
set bmargin at screen 0.7175
set tmargin at screen 0.9299
unset logscale xy
set xrange [-0.04:1.04]
set yrange [-0.04:1.04]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'zoology.dat' index 0 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 0 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 1 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#0072b2'
unset label
set label '128 tokens, 8 pairs (accuracy)' at screen 0.4056, screen 0.9458 left font ',10' tc rgb '#111111'
set lmargin at screen 0.4611
set rmargin at screen 0.7222
set bmargin at screen 0.7175
set tmargin at screen 0.9299
unset logscale xy
set xrange [-0.04:1.04]
set yrange [-0.04:1.04]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'zoology.dat' index 2 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 2 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 3 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#0072b2'
unset label
set label '256 tokens, 16 pairs (accuracy)' at screen 0.0333, screen 0.6678 left font ',10' tc rgb '#111111'
set lmargin at screen 0.0889
set rmargin at screen 0.3500
set bmargin at screen 0.4395
set tmargin at screen 0.6520
unset logscale xy
set xrange [-0.04:1.04]
set yrange [-0.04:1.04]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'zoology.dat' index 4 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 4 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 5 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#0072b2'
unset label
set label '512 tokens, 64 pairs (accuracy)' at screen 0.4056, screen 0.6678 left font ',10' tc rgb '#111111'
set lmargin at screen 0.4611
set rmargin at screen 0.7222
set bmargin at screen 0.4395
set tmargin at screen 0.6520
unset logscale xy
set xrange [-0.04:1.04]
set yrange [-0.04:1.04]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'zoology.dat' index 6 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 6 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 7 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#0072b2'
unset label
set label 'The narrowest width by length and pairs' at screen 0.0333, screen 0.3898 left font ',10' tc rgb '#111111'
set lmargin at screen 0.0889
set rmargin at screen 0.3500
set bmargin at screen 0.1616
set tmargin at screen 0.3740
unset logscale xy
set xrange [-0.04:1.04]
set yrange [-0.04:1.04]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'zoology.dat' index 8 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 8 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 9 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#0072b2'
unset label

unset multiplot
set terminal pngcairo size 1440,1770 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'zoology.png'
set multiplot
set label 'Multi-query associative recall by length, pairs and width' at screen 0.0125, screen 0.9797 left font ',13' tc rgb '#111111'
set label 'Attention' at screen 0.7444, screen 0.9209 left font ',10' tc rgb '#111111' point pt 7 ps 0.8 lc rgb '#0072b2' offset char 1.2, 0
set label 'Each point is a place of the table: 16 of 100 that have a published value. Dashed: equal; shaded: the tolerance stated. Bars: our intervals. Paper: Arora,' at screen 0.012, screen 0.0678 left font ',8' tc rgb '#555555'
set label 'Eyuboglu, Timalsina, Johnson, Poli, Zou, Rudra, Re: Zoology: Measuring and Improving Recall in Efficient Language Models, arXiv:2312.04927, ICLR 2024, Figure 2' at screen 0.012, screen 0.0531 left font ',8' tc rgb '#555555'
set label '(D: read off the authors'' figure). Here, scale cpu: Widths halved to 32, 64 and 128, two heads, vocabulary 512; in place of 512 tokens with 64 pairs 256 with' at screen 0.012, screen 0.0384 left font ',8' tc rgb '#555555'
set label '32. One model a width for all lengths, trained on 64 to 256 tokens with 4 to 32 pairs, 600 steps of 4096 tokens at 1e-2, one seed; no search over rates. Sweep' at screen 0.012, screen 0.0237 left font ',8' tc rgb '#555555'
set label '0d6af81e, 2026-11-21, AMD EPYC, 2 cores, 24 GiB.' at screen 0.012, screen 0.0090 left font ',8' tc rgb '#555555'
set label '64 tokens, 4 pairs (accuracy)' at screen 0.0333, screen 0.9458 left font ',10' tc rgb '#111111'
set lmargin at screen 0.0889
set rmargin at screen 0.3500
set bmargin at screen 0.7175
set tmargin at screen 0.9299
unset logscale xy
set xrange [-0.04:1.04]
set yrange [-0.04:1.04]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'zoology.dat' index 0 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 0 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 1 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#0072b2'
unset label
set label '128 tokens, 8 pairs (accuracy)' at screen 0.4056, screen 0.9458 left font ',10' tc rgb '#111111'
set lmargin at screen 0.4611
set rmargin at screen 0.7222
set bmargin at screen 0.7175
set tmargin at screen 0.9299
unset logscale xy
set xrange [-0.04:1.04]
set yrange [-0.04:1.04]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'zoology.dat' index 2 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 2 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 3 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#0072b2'
unset label
set label '256 tokens, 16 pairs (accuracy)' at screen 0.0333, screen 0.6678 left font ',10' tc rgb '#111111'
set lmargin at screen 0.0889
set rmargin at screen 0.3500
set bmargin at screen 0.4395
set tmargin at screen 0.6520
unset logscale xy
set xrange [-0.04:1.04]
set yrange [-0.04:1.04]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'zoology.dat' index 4 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 4 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 5 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#0072b2'
unset label
set label '512 tokens, 64 pairs (accuracy)' at screen 0.4056, screen 0.6678 left font ',10' tc rgb '#111111'
set lmargin at screen 0.4611
set rmargin at screen 0.7222
set bmargin at screen 0.4395
set tmargin at screen 0.6520
unset logscale xy
set xrange [-0.04:1.04]
set yrange [-0.04:1.04]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'zoology.dat' index 6 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 6 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 7 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#0072b2'
unset label
set label 'The narrowest width by length and pairs' at screen 0.0333, screen 0.3898 left font ',10' tc rgb '#111111'
set lmargin at screen 0.0889
set rmargin at screen 0.3500
set bmargin at screen 0.1616
set tmargin at screen 0.3740
unset logscale xy
set xrange [-0.04:1.04]
set yrange [-0.04:1.04]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'zoology.dat' index 8 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 8 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 9 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#0072b2'
unset label

unset multiplot
