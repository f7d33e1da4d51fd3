# Where the delta rule's capacity ends: many pairs in a narrow model. Made by labench; gnuplot log-linear-mqar.gp draws it again from log-linear-mqar.dat.
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
set output 'log-linear-mqar.svg'
set multiplot
set label 'Where the delta rule''s capacity ends: many pairs in a narrow model' at screen 0.0125, screen 0.9526 left font ',13' tc rgb '#111111'
set label 'DeltaNet' at screen 0.7444, screen 0.8158 left font ',10' tc rgb '#111111' point pt 7 ps 0.8 lc rgb '#009e73' offset char 1.2, 0
set label 'Each point is a place of the table: 5 of 12 that have a published value. Dashed: equal; shaded: the tolerance stated. Bars: our intervals. Paper: Guo, Yang,' at screen 0.012, screen 0.1237 left font ',8' tc rgb '#555555'
set label 'Goel, Xing, Dao, Kim: Log-Linear Attention, arXiv:2506.04761, Figure 5 (V: recovered from the paper''s vector graphics). Here, scale cpu: 2000 steps of 4096' at screen 0.012, screen 0.0895 left font ',8' tc rgb '#555555'
set label 'tokens, two rates chosen on validation, all examples new, vocabulary 512, one seed; no search over rates. Lengths 64 to 256. Sweep 4b8aeac8, fcc36c91, 68f6ad45,' at screen 0.012, screen 0.0553 left font ',8' tc rgb '#555555'
set label '2026-11-21, AMD EPYC, 2 cores, 24 GiB.' at screen 0.012, screen 0.0211 left font ',8' tc rgb '#555555'
set label 'Model dimension 16 (accuracy)' at screen 0.0333, screen 0.8737 left font ',10' tc rgb '#111111'
set lmargin at screen 0.0889
set rmargin at screen 0.3500
set bmargin at screen 0.3421
set tmargin at screen 0.8368
unset logscale xy
set xrange [-0.04:1.04]
set yrange [-0.04:1.04]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'log-linear-mqar.dat' index 0 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 0 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 1 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#009e73'
unset label
set label 'Model dimension 32 (accuracy)' at screen 0.4056, screen 0.8737 left font ',10' tc rgb '#111111'
set lmargin at screen 0.4611
set rmargin at screen 0.7222
set bmargin at screen 0.3421
set tmargin at screen 0.8368
unset logscale xy
set xrange [-0.04:1.04]
set yrange [-0.04:1.04]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'log-linear-mqar.dat' index 2 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 2 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 3 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#009e73'
unset label

unset multiplot
set terminal pngcairo size 1440,760 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'log-linear-mqar.png'
set multiplot
set label 'Where the delta rule''s capacity ends: many pairs in a narrow model' at screen 0.0125, screen 0.9526 left font ',13' tc rgb '#111111'
set label 'DeltaNet' at screen 0.7444, screen 0.8158 left font ',10' tc rgb '#111111' point pt 7 ps 0.8 lc rgb '#009e73' offset char 1.2, 0
set label 'Each point is a place of the table: 5 of 12 that have a published value. Dashed: equal; shaded: the tolerance stated. Bars: our intervals. Paper: Guo, Yang,' at screen 0.012, screen 0.1237 left font ',8' tc rgb '#555555'
set label 'Goel, Xing, Dao, Kim: Log-Linear Attention, arXiv:2506.04761, Figure 5 (V: recovered from the paper''s vector graphics). Here, scale cpu: 2000 steps of 4096' at screen 0.012, screen 0.0895 left font ',8' tc rgb '#555555'
set label 'tokens, two rates chosen on validation, all examples new, vocabulary 512, one seed; no search over rates. Lengths 64 to 256. Sweep 4b8aeac8, fcc36c91, 68f6ad45,' at screen 0.012, screen 0.0553 left font ',8' tc rgb '#555555'
set label '2026-11-21, AMD EPYC, 2 cores, 24 GiB.' at screen 0.012, screen 0.0211 left font ',8' tc rgb '#555555'
set label 'Model dimension 16 (accuracy)' at screen 0.0333, screen 0.8737 left font ',10' tc rgb '#111111'
set lmargin at screen 0.0889
set rmargin at screen 0.3500
set bmargin at screen 0.3421
set tmargin at screen 0.8368
unset logscale xy
set xrange [-0.04:1.04]
set yrange [-0.04:1.04]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'log-linear-mqar.dat' index 0 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 0 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 1 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#009e73'
unset label
set label 'Model dimension 32 (accuracy)' at screen 0.4056, screen 0.8737 left font ',10' tc rgb '#111111'
set lmargin at screen 0.4611
set rmargin at screen 0.7222
set bmargin at screen 0.3421
set tmargin at screen 0.8368
unset logscale xy
set xrange [-0.04:1.04]
set yrange [-0.04:1.04]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'log-linear-mqar.dat' index 2 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 2 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 3 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#009e73'
unset label

unset multiplot
