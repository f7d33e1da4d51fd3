# Workspace of a forward call. Made by labench; gnuplot memory.gp draws it again from memory.dat.
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
set rmargin at screen 0.7961
set bmargin at screen 0.1702
set tmargin at screen 0.9149
set label 'Workspace of a forward call' at screen 0.012, screen 0.962 left font ',13' tc rgb '#111111'
set label 'Bytes besides inputs and outputs, exact: scratch, what is saved, plans. AMD EPYC, 2 threads, f32, B 1, H 2, d 64, caches hot. † bidirectional, the others' at screen 0.012, screen 0.0447 left font ',8' tc rgb '#555555'
set label 'causal. Sweep a6eba32c of 2026-11-21, labench 0.1.0 (80f32e8).' at screen 0.012, screen 0.0170 left font ',8' tc rgb '#555555'

set logscale x 2
set logscale y 2
set grid ytics lw 1 lc rgb '#e2e2e2'
set xlabel 'sequence length T (tokens)'
set ylabel 'workspace of one forward call' offset 0.5
set xrange [885.286125:151609.434]
set yrange [26403.4078:4.72927894e+10]
set xtics ('1k' 1024, '2k' 2048, '4k' 4096, '8k' 8192, '16k' 16384, '32k' 32768, '64k' 65536, '128k' 131072)
set ytics ('64 KiB' 65536, '1 MiB' 1048576, '16 MiB' 16777216, '256 MiB' 268435456, '4 GiB' 4.2949673e+09)

set arrow from first 885.286125, first 34526.0547 to first 151609.434, first 5912750.07 nohead dt 3 lw 1 lc rgb '#aaaaaa' back
set label '{/:Italic T}' at first 105772.129, first 4125100.58 right offset char -0.3, char 0.5 font ',9' tc rgb '#999999' back
set arrow from first 885.286125, first 34526.0547 to first 151609.434, first 1.0125864e+09 nohead dt 3 lw 1 lc rgb '#aaaaaa' back
set label '{/:Italic T}^2' at first 105772.129, first 492858363 right offset char -0.3, char 0.5 font ',9' tc rgb '#999999' back
set label 'deltanet  {/:Italic T}^{0.00}' at screen 0.8156, screen 0.1914 left font ',10' tc rgb '#009e73'
set arrow from first 131072, first 54160 to screen 0.8114, screen 0.1914 nohead lw 0.5 lc rgb '#009e73' back
set label 'gated\_deltanet  {/:Italic T}^{0.00}' at screen 0.8156, screen 0.2233 left font ',10' tc rgb '#66c2a5'
set arrow from first 131072, first 54160 to screen 0.8114, screen 0.2233 nohead lw 0.5 lc rgb '#66c2a5' back
set label 'linear  {/:Italic T}^{0.00}' at screen 0.8156, screen 0.2657 left font ',10' tc rgb '#d55e00'
set label 'linformer†  {/:Italic T}^{0.00}' at screen 0.8156, screen 0.2976 left font ',10' tc rgb '#cc79a7'
set arrow from first 131072, first 491664 to screen 0.8114, screen 0.2976 nohead lw 0.5 lc rgb '#cc79a7' back
set label 'flash  {/:Italic T}^{0.00}' at screen 0.8156, screen 0.3295 left font ',10' tc rgb '#0072b2'
set label 'performer  {/:Italic T}^{0.00}' at screen 0.8156, screen 0.3615 left font ',10' tc rgb '#e69f00'
set arrow from first 131072, first 665472 to screen 0.8114, screen 0.3615 nohead lw 0.5 lc rgb '#e69f00' back
set label 'fnet†  {/:Italic T}^{0.99}' at screen 0.8156, screen 0.5766 left font ',10' tc rgb '#000000'
set label 'softmax  {/:Italic T}^{2.00}' at screen 0.6076, screen 0.8267 left font ',10' tc rgb '#56b4e9'
set label 'softmax: OOM at 64k (predicted)' at screen 0.6742, screen 0.8945 right font ',9' tc rgb '#56b4e9'
set arrow from graph 0, first 1.76201067e+10 to graph 1, first 1.76201067e+10 nohead dt 3 lw 0.6 lc rgb '#bbbbbb' back

set terminal svg size 720,470 fixed enhanced font 'DejaVu Sans,11' background rgb '#ffffff'
set output 'memory.svg'
plot 'memory.dat' index 0 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#009e73', \
     '' index 0 using 1:2 with linespoints lw 1.7 dt 1 pt 15 ps 0.75 lc rgb '#009e73', \
     'memory.dat' index 1 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#0072b2', \
     '' index 1 using 1:2 with linespoints lw 1.7 dt 1 pt 7 ps 0.75 lc rgb '#0072b2', \
     'memory.dat' index 2 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#000000', \
     '' index 2 using 1:2 with linespoints lw 1.7 dt 1 pt 13 ps 0.75 lc rgb '#000000', \
     'memory.dat' index 3 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#66c2a5', \
     '' index 3 using 1:2 with linespoints lw 1.7 dt 2 pt 7 ps 0.75 lc rgb '#66c2a5', \
     'memory.dat' index 4 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#d55e00', \
     '' index 4 using 1:2 with linespoints lw 1.7 dt 1 pt 9 ps 0.75 lc rgb '#d55e00', \
     'memory.dat' index 5 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#cc79a7', \
     '' index 5 using 1:2 with linespoints lw 1.7 dt 1 pt 5 ps 0.75 lc rgb '#cc79a7', \
     'memory.dat' index 6 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#e69f00', \
     '' index 6 using 1:2 with linespoints lw 1.7 dt 2 pt 11 ps 0.75 lc rgb '#e69f00', \
     'memory.dat' index 7 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#56b4e9', \
     '' index 7 using 1:2 with linespoints lw 1.7 dt 2 pt 5 ps 0.75 lc rgb '#56b4e9', \
     'memory.dat' index 8 using 1:2 with points pt 2 ps 1.1 lw 1.8 lc rgb '#56b4e9'
set terminal pngcairo size 1440,940 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'memory.png'
replot
