# Stack: what lies on top of one of many stacks. Made by labench; gnuplot kimi-stack.gp draws it again from kimi-stack.dat.
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
set output 'kimi-stack.svg'
set multiplot
set label 'Stack: what lies on top of one of many stacks' at screen 0.0125, screen 0.9526 left font ',13' tc rgb '#111111'
set label 'KDA' at screen 0.7444, screen 0.8158 left font ',10' tc rgb '#111111' point pt 15 ps 0.8 lc rgb '#00bcd4' offset char 1.2, 0
set label 'Gated DeltaNet' at screen 0.7444, screen 0.7711 left font ',10' tc rgb '#111111' point pt 5 ps 0.8 lc rgb '#6cbf1f' offset char 1.2, 0
set label 'Mamba-2' at screen 0.7444, screen 0.7263 left font ',10' tc rgb '#111111' point pt 13 ps 0.8 lc rgb '#b22222' offset char 1.2, 0
set label 'Each point is a place of the table: 11 of 14 that have a published value. Dashed: equal; shaded: the tolerance stated. Bars: our intervals. Paper: Kimi Team:' at screen 0.012, screen 0.1237 left font ',8' tc rgb '#555555'
set label 'Kimi Linear: An Expressive, Efficient Attention Architecture, arXiv:2510.26692, Figure 4 (V: recovered from the paper''s vector graphics). Here, scale cpu:' at screen 0.012, screen 0.0895 left font ',8' tc rgb '#555555'
set label 'Lengths 64, 128 and 256; width 64 of 2 heads and 16 stacks, half of a head''s 32 as the paper''s 64 are half of 128; 64 elements, 1000 steps of 4096 tokens, two' at screen 0.012, screen 0.0553 left font ',8' tc rgb '#555555'
set label 'rates chosen on validation, one seed. Sweep cf7fbf2e, 2026-11-21, AMD EPYC, 2 cores, 24 GiB.' at screen 0.012, screen 0.0211 left font ',8' tc rgb '#555555'
set label 'Accuracy in percent by length (%)' at screen 0.0333, screen 0.8737 left font ',10' tc rgb '#111111'
set lmargin at screen 0.0889
set rmargin at screen 0.3500
set bmargin at screen 0.3421
set tmargin at screen 0.8368
unset logscale xy
set xrange [-4:104]
set yrange [-4:104]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'kimi-stack.dat' index 0 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 0 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 1 using 1:2:3:4 with yerrorbars pt 15 ps 0.7 lw 1 lc rgb '#00bcd4', \
     '' index 2 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#6cbf1f', \
     '' index 3 using 1:2:3:4 with yerrorbars pt 13 ps 0.7 lw 1 lc rgb '#b22222'
unset label
set label 'Training steps until 90 % are right' at screen 0.4056, screen 0.8737 left font ',10' tc rgb '#111111'
set lmargin at screen 0.4611
set rmargin at screen 0.7222
set bmargin at screen 0.3421
set tmargin at screen 0.8368
set logscale xy 10
set xrange [163.081:7358.32]
set yrange [163.081:7358.32]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'kimi-stack.dat' index 4 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 4 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 5 using 1:2:3:4 with yerrorbars pt 15 ps 0.7 lw 1 lc rgb '#00bcd4', \
     '' index 6 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#6cbf1f'
unset label

unset multiplot
set terminal pngcairo size 1440,760 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'kimi-stack.png'
set multiplot
set label 'Stack: what lies on top of one of many stacks' at screen 0.0125, screen 0.9526 left font ',13' tc rgb '#111111'
set label 'KDA' at screen 0.7444, screen 0.8158 left font ',10' tc rgb '#111111' point pt 15 ps 0.8 lc rgb '#00bcd4' offset char 1.2, 0
set label 'Gated DeltaNet' at screen 0.7444, screen 0.7711 left font ',10' tc rgb '#111111' point pt 5 ps 0.8 lc rgb '#6cbf1f' offset char 1.2, 0
set label 'Mamba-2' at screen 0.7444, screen 0.7263 left font ',10' tc rgb '#111111' point pt 13 ps 0.8 lc rgb '#b22222' offset char 1.2, 0
set label 'Each point is a place of the table: 11 of 14 that have a published value. Dashed: equal; shaded: the tolerance stated. Bars: our intervals. Paper: Kimi Team:' at screen 0.012, screen 0.1237 left font ',8' tc rgb '#555555'
set label 'Kimi Linear: An Expressive, Efficient Attention Architecture, arXiv:2510.26692, Figure 4 (V: recovered from the paper''s vector graphics). Here, scale cpu:' at screen 0.012, screen 0.0895 left font ',8' tc rgb '#555555'
set label 'Lengths 64, 128 and 256; width 64 of 2 heads and 16 stacks, half of a head''s 32 as the paper''s 64 are half of 128; 64 elements, 1000 steps of 4096 tokens, two' at screen 0.012, screen 0.0553 left font ',8' tc rgb '#555555'
set label 'rates chosen on validation, one seed. Sweep cf7fbf2e, 2026-11-21, AMD EPYC, 2 cores, 24 GiB.' at screen 0.012, screen 0.0211 left font ',8' tc rgb '#555555'
set label 'Accuracy in percent by length (%)' at screen 0.0333, screen 0.8737 left font ',10' tc rgb '#111111'
set lmargin at screen 0.0889
set rmargin at screen 0.3500
set bmargin at screen 0.3421
set tmargin at screen 0.8368
unset logscale xy
set xrange [-4:104]
set yrange [-4:104]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'kimi-stack.dat' index 0 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 0 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 1 using 1:2:3:4 with yerrorbars pt 15 ps 0.7 lw 1 lc rgb '#00bcd4', \
     '' index 2 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#6cbf1f', \
     '' index 3 using 1:2:3:4 with yerrorbars pt 13 ps 0.7 lw 1 lc rgb '#b22222'
unset label
set label 'Training steps until 90 % are right' at screen 0.4056, screen 0.8737 left font ',10' tc rgb '#111111'
set lmargin at screen 0.4611
set rmargin at screen 0.7222
set bmargin at screen 0.3421
set tmargin at screen 0.8368
set logscale xy 10
set xrange [163.081:7358.32]
set yrange [163.081:7358.32]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'kimi-stack.dat' index 4 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 4 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 5 using 1:2:3:4 with yerrorbars pt 15 ps 0.7 lw 1 lc rgb '#00bcd4', \
     '' index 6 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#6cbf1f'
unset label

unset multiplot
