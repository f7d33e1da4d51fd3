# Recall against load. Made by labench; gnuplot load.gp draws it again from load.dat.
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

set lmargin at screen 0.1167
set rmargin at screen 0.8461
set bmargin at screen 0.1702
set tmargin at screen 0.9149
set label 'Recall against load' at screen 0.012, screen 0.962 left font ',13' tc rgb '#111111'
set label 'Stored pairs looked up again. 256 answers in 1 round, bars: 95 % Wilson interval. AMD EPYC, 2 threads, f32, B 1, H 2, d 64, caches hot. † bidirectional,' at screen 0.012, screen 0.0447 left font ',8' tc rgb '#555555'
set label 'the others causal. Task: keys random, filler null. Not defined for fnet. Sweep dd84b8bc of 2026-11-21, quick, labench 0.1.0 (37f793f).' at screen 0.012, screen 0.0170 left font ',8' tc rgb '#555555'

set logscale x 2
set grid ytics lw 1 lc rgb '#e2e2e2'
set xlabel 'pairs to remember'
set ylabel 'recall accuracy' offset 0.5
set xrange [7.3615012:139.102062]
set yrange [-0.03:1.04]
set xtics ('8' 8, '16' 16, '32' 32, '64' 64, '128' 128)
set ytics ('0' 0, '0.2' 0.2, '0.4' 0.4, '0.6' 0.6, '0.8' 0.8, '1' 1)

set arrow from graph 0, first 0.00390625 to graph 1, first 0.00390625 nohead dt 2 lw 0.8 lc rgb '#999999' back
set label 'chance 0.004' at graph 0.01, first 0.00390625 left offset 0, char 0.45 font ',9' tc rgb '#777777'
set label 'linformer†' at screen 0.8656, screen 0.1787 left font ',10' tc rgb '#cc79a7'
set arrow from first 128, first 0.0078125 to screen 0.8614, screen 0.1787 nohead lw 0.5 lc rgb '#cc79a7' back
set label 'linear' at screen 0.8656, screen 0.2106 left font ',10' tc rgb '#d55e00'
set arrow from first 128, first 0.01171875 to screen 0.8614, screen 0.2106 nohead lw 0.5 lc rgb '#d55e00' back
set label 'performer' at screen 0.8656, screen 0.2426 left font ',10' tc rgb '#e69f00'
set arrow from first 128, first 0.04296875 to screen 0.8614, screen 0.2426 nohead lw 0.5 lc rgb '#e69f00' back
set label 'gated\_deltanet' at screen 0.8656, screen 0.5394 left font ',10' tc rgb '#66c2a5'
set arrow from first 128, first 0.51953125 to screen 0.8614, screen 0.5394 nohead lw 0.5 lc rgb '#66c2a5' back
set label 'deltanet' at screen 0.8656, screen 0.5713 left font ',10' tc rgb '#009e73'
set arrow from first 128, first 0.52734375 to screen 0.8614, screen 0.5713 nohead lw 0.5 lc rgb '#009e73' back
set label 'flash' at screen 0.8656, screen 0.8711 left font ',10' tc rgb '#0072b2'
set arrow from first 128, first 1 to screen 0.8614, screen 0.8711 nohead lw 0.5 lc rgb '#0072b2' back
set label 'softmax' at screen 0.8656, screen 0.9030 left font ',10' tc rgb '#56b4e9'
set arrow from first 128, first 1 to screen 0.8614, screen 0.9030 nohead lw 0.5 lc rgb '#56b4e9' back

set terminal svg size 720,470 fixed enhanced font 'DejaVu Sans,11' background rgb '#ffffff'
set output 'load.svg'
plot 'load.dat' index 0 using ($1*0.94294):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#009e73', \
     '' index 0 using ($1*0.94294):2 with linespoints lw 1.7 dt 1 pt 15 ps 0.75 lc rgb '#009e73', \
     'load.dat' index 1 using ($1*0.95890):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#0072b2', \
     '' index 1 using ($1*0.95890):2 with linespoints lw 1.7 dt 1 pt 7 ps 0.75 lc rgb '#0072b2', \
     'load.dat' index 2 using ($1*0.97513):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#000000', \
     '' index 2 using ($1*0.97513):2 with linespoints lw 1.7 dt 1 pt 13 ps 0.75 lc rgb '#000000', \
     'load.dat' index 3 using ($1*0.99164):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#66c2a5', \
     '' index 3 using ($1*0.99164):2 with linespoints lw 1.7 dt 2 pt 7 ps 0.75 lc rgb '#66c2a5', \
     'load.dat' index 4 using ($1*1.00843):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#d55e00', \
     '' index 4 using ($1*1.00843):2 with linespoints lw 1.7 dt 1 pt 9 ps 0.75 lc rgb '#d55e00', \
     'load.dat' index 5 using ($1*1.02550):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#cc79a7', \
     '' index 5 using ($1*1.02550):2 with linespoints lw 1.7 dt 1 pt 5 ps 0.75 lc rgb '#cc79a7', \
     'load.dat' index 6 using ($1*1.04286):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#e69f00', \
     '' index 6 using ($1*1.04286):2 with linespoints lw 1.7 dt 2 pt 11 ps 0.75 lc rgb '#e69f00', \
     'load.dat' index 7 using ($1*1.06052):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#56b4e9', \
     '' index 7 using ($1*1.06052):2 with linespoints lw 1.7 dt 2 pt 5 ps 0.75 lc rgb '#56b4e9'
set terminal pngcairo size 1440,940 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'load.png'
replot
