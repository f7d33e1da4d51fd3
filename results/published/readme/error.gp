# Error against float64. Made by labench; gnuplot error.gp draws it again from error.dat.
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
set label 'Error against float64' at screen 0.012, screen 0.962 left font ',13' tc rgb '#111111'
set label 'Root mean square of the difference over that of the reference, worst round. AMD EPYC, 2 threads, f32, B 1, H 2, d 64, caches hot. † bidirectional, the' at screen 0.012, screen 0.0447 left font ',8' tc rgb '#555555'
set label 'others causal. Sweep a6eba32c of 2026-11-21, labench 0.1.0 (80f32e8).' at screen 0.012, screen 0.0170 left font ',8' tc rgb '#555555'

set logscale x 2
set logscale y 10
set grid ytics lw 1 lc rgb '#e2e2e2'
set xlabel 'sequence length T (tokens)'
set ylabel 'relative error against float64' offset 0.5
set xrange [885.286125:151609.434]
set yrange [3.49762418e-08:0.000291396441]
set xtics ('1k' 1024, '2k' 2048, '4k' 4096, '8k' 8192, '16k' 16384, '32k' 32768, '64k' 65536, '128k' 131072)
set ytics ('' 4e-08 1, '' 5e-08 1, '' 6e-08 1, '' 7e-08 1, '' 8e-08 1, '' 9e-08 1, '10^{-7}' 1e-07, '' 2e-07 1, '' 3e-07 1, '' 4e-07 1, '' 5e-07 1, '' 6e-07 1, '' 7e-07 1, '' 8e-07 1, '' 9e-07 1, '10^{-6}' 1e-06, '' 2e-06 1, '' 3e-06 1, '' 4e-06 1, '' 5e-06 1, '' 6e-06 1, '' 7e-06 1, '' 8e-06 1, '' 9e-06 1, '10^{-5}' 1e-05, '' 2e-05 1, '' 3e-05 1, '' 4e-05 1, '' 5e-05 1, '' 6e-05 1, '' 7e-05 1, '' 8e-05 1, '' 9e-05 1, '10^{-4}' 0.0001)

set arrow from graph 0, first 0.0001 to graph 1, first 0.0001 nohead dt 2 lw 0.8 lc rgb '#999999' back
set label 'bound' at graph 0.01, first 0.0001 left offset 0, char 0.45 font ',9' tc rgb '#777777'
set arrow from graph 0, first 1e-05 to graph 1, first 1e-05 nohead dt 2 lw 0.8 lc rgb '#999999' back
set label 'bound' at graph 0.01, first 1e-05 left offset 0, char 0.45 font ',9' tc rgb '#777777'
set label 'flash' at screen 0.8656, screen 0.2341 left font ',10' tc rgb '#0072b2'
set arrow from first 131072, first 9.75570996e-08 to screen 0.8614, screen 0.2341 nohead lw 0.5 lc rgb '#0072b2' back
set label 'linear' at screen 0.8656, screen 0.2660 left font ',10' tc rgb '#d55e00'
set label 'fnet†' at screen 0.8656, screen 0.2979 left font ',10' tc rgb '#000000'
set label 'gated\_deltanet' at screen 0.8656, screen 0.3298 left font ',10' tc rgb '#66c2a5'
set arrow from first 131072, first 2.01341619e-07 to screen 0.8614, screen 0.3298 nohead lw 0.5 lc rgb '#66c2a5' back
set label 'deltanet' at screen 0.8656, screen 0.3618 left font ',10' tc rgb '#009e73'
set label 'linformer†' at screen 0.8656, screen 0.5342 left font ',10' tc rgb '#cc79a7'
set label 'performer' at screen 0.8656, screen 0.6805 left font ',10' tc rgb '#e69f00'
set label 'softmax' at screen 0.5987, screen 0.2773 left font ',10' tc rgb '#56b4e9'
set label 'softmax: OOM at 64k (predicted)' at screen 0.7160, screen 0.8945 right font ',9' tc rgb '#56b4e9'
set arrow from graph 0, first 0.00015690453 to graph 1, first 0.00015690453 nohead dt 3 lw 0.6 lc rgb '#bbbbbb' back

set terminal svg size 720,470 fixed enhanced font 'DejaVu Sans,11' background rgb '#ffffff'
set output 'error.svg'
plot 'error.dat' index 0 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#009e73', \
     '' index 0 using 1:2 with linespoints lw 1.7 dt 1 pt 15 ps 0.75 lc rgb '#009e73', \
     'error.dat' index 1 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#0072b2', \
     '' index 1 using 1:2 with linespoints lw 1.7 dt 1 pt 7 ps 0.75 lc rgb '#0072b2', \
     'error.dat' index 2 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#000000', \
     '' index 2 using 1:2 with linespoints lw 1.7 dt 1 pt 13 ps 0.75 lc rgb '#000000', \
     'error.dat' index 3 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#66c2a5', \
     '' index 3 using 1:2 with linespoints lw 1.7 dt 2 pt 7 ps 0.75 lc rgb '#66c2a5', \
     'error.dat' index 4 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#d55e00', \
     '' index 4 using 1:2 with linespoints lw 1.7 dt 1 pt 9 ps 0.75 lc rgb '#d55e00', \
     'error.dat' index 5 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#cc79a7', \
     '' index 5 using 1:2 with linespoints lw 1.7 dt 1 pt 5 ps 0.75 lc rgb '#cc79a7', \
     'error.dat' index 6 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#e69f00', \
     '' index 6 using 1:2 with linespoints lw 1.7 dt 2 pt 11 ps 0.75 lc rgb '#e69f00', \
     'error.dat' index 7 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#56b4e9', \
     '' index 7 using 1:2 with linespoints lw 1.7 dt 2 pt 5 ps 0.75 lc rgb '#56b4e9', \
     'error.dat' index 8 using 1:2 with points pt 2 ps 1.1 lw 1.8 lc rgb '#56b4e9'
set terminal pngcairo size 1440,940 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'error.png'
replot
