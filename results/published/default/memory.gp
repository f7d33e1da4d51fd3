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
set rmargin at screen 0.7544
set bmargin at screen 0.1702
set tmargin at screen 0.9149
set label 'Workspace of a forward call' at screen 0.012, screen 0.9617 left font ',13' tc rgb '#111111'
set label 'Bytes besides inputs and outputs, exact: scratch, what is saved, plans. Intel(R) Xeon(R) Processor, 2 threads, f32, B 1, H 2, d 64, caches hot.' at screen 0.012, screen 0.0447 left font ',8' tc rgb '#555555'
set label '† bidirectional, the others causal. Sweep 3c985191 of 2026-11-22, labench 0.1.0 (27246ba).' at screen 0.012, screen 0.0170 left font ',8' tc rgb '#555555'

set logscale x 2
set logscale y 2
set grid ytics lw 1 lc rgb '#e2e2e2'
set xlabel 'sequence length T (tokens)'
set ylabel 'workspace of one forward call' offset 0.5
set xrange [885.286125:151609.434]
set yrange [26694.1113:4.74593936e+10]
set xtics ('1k' 1024, '2k' 2048, '4k' 4096, '8k' 8192, '16k' 16384, '32k' 32768, '64k' 65536, '128k' 131072)
set ytics ('64 KiB' 65536, '1 MiB' 1048576, '16 MiB' 16777216, '256 MiB' 268435456, '4 GiB' 4.2949673e+09)

set arrow from first 885.286125, first 34901.356 to first 151609.434, first 5977022.19 nohead dt 3 lw 1 lc rgb '#aaaaaa' back
set label '{/:Italic T}' at first 105772.129, first 4169940.79 right offset char -0.3, char 0.5 font ',9' tc rgb '#999999' back
set arrow from first 885.286125, first 34901.356 to first 151609.434, first 1.0235933e+09 nohead dt 3 lw 1 lc rgb '#aaaaaa' back
set label '{/:Italic T}^2' at first 105772.129, first 498215777 right offset char -0.3, char 0.5 font ',9' tc rgb '#999999' back
set arrow from screen 0.7767, screen 0.1787 to screen 0.8128, screen 0.1787 nohead lw 1.7 dt 1 lc rgb '#009e73'
set label '' at screen 0.7947, screen 0.1787 point pt 7 ps 0.75 lc rgb '#009e73'
set label 'deltanet  {/:Italic T}^{0.00}' at screen 0.8211, screen 0.1787 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 54736 to screen 0.7739, screen 0.1787 nohead lw 0.5 lc rgb '#009e73' back
set arrow from screen 0.7767, screen 0.2106 to screen 0.8128, screen 0.2106 nohead lw 1.7 dt 1 lc rgb '#6cbf1f'
set label '' at screen 0.7947, screen 0.2106 point pt 5 ps 0.75 lc rgb '#6cbf1f'
set label 'gated\_deltanet  {/:Italic T}^{0.00}' at screen 0.8211, screen 0.2106 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 54736 to screen 0.7739, screen 0.2106 nohead lw 0.5 lc rgb '#6cbf1f' back
set arrow from screen 0.7767, screen 0.2426 to screen 0.8128, screen 0.2426 nohead lw 1.7 dt 1 lc rgb '#b22222'
set label '' at screen 0.7947, screen 0.2426 point pt 13 ps 0.75 lc rgb '#b22222'
set label 'mamba2  {/:Italic T}^{0.00}' at screen 0.8211, screen 0.2426 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 54736 to screen 0.7739, screen 0.2426 nohead lw 0.5 lc rgb '#b22222' back
set arrow from screen 0.7767, screen 0.2745 to screen 0.8128, screen 0.2745 nohead lw 1.7 dt 1 lc rgb '#8c564b'
set label '' at screen 0.7947, screen 0.2745 point pt 9 ps 0.75 lc rgb '#8c564b'
set label 'retnet  {/:Italic T}^{0.00}' at screen 0.8211, screen 0.2745 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 54736 to screen 0.7739, screen 0.2745 nohead lw 0.5 lc rgb '#8c564b' back
set arrow from screen 0.7767, screen 0.3064 to screen 0.8128, screen 0.3064 nohead lw 1.7 dt 1 lc rgb '#8a8a00'
set label '' at screen 0.7947, screen 0.3064 point pt 5 ps 0.75 lc rgb '#8a8a00'
set label 'rwkv7  {/:Italic T}^{0.00}' at screen 0.8211, screen 0.3064 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 73936 to screen 0.7739, screen 0.3064 nohead lw 0.5 lc rgb '#8a8a00' back
set arrow from screen 0.7767, screen 0.3383 to screen 0.8128, screen 0.3383 nohead lw 1.7 dt 1 lc rgb '#9467bd'
set label '' at screen 0.7947, screen 0.3383 point pt 11 ps 0.75 lc rgb '#9467bd'
set label 'gla  {/:Italic T}^{0.00}' at screen 0.8211, screen 0.3383 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 103888 to screen 0.7739, screen 0.3383 nohead lw 0.5 lc rgb '#9467bd' back
set arrow from screen 0.7767, screen 0.3702 to screen 0.8128, screen 0.3702 nohead lw 1.7 dt 1 lc rgb '#00bcd4'
set label '' at screen 0.7947, screen 0.3702 point pt 15 ps 0.75 lc rgb '#00bcd4'
set label 'kda  {/:Italic T}^{0.00}' at screen 0.8211, screen 0.3702 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 103888 to screen 0.7739, screen 0.3702 nohead lw 0.5 lc rgb '#00bcd4' back
set arrow from screen 0.7767, screen 0.4021 to screen 0.8128, screen 0.4021 nohead lw 1.7 dt 1 lc rgb '#d55e00'
set label '' at screen 0.7947, screen 0.4021 point pt 9 ps 0.75 lc rgb '#d55e00'
set label 'linear  {/:Italic T}^{0.00}' at screen 0.8211, screen 0.4021 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 168112 to screen 0.7739, screen 0.4021 nohead lw 0.5 lc rgb '#d55e00' back
set arrow from screen 0.7767, screen 0.4340 to screen 0.8128, screen 0.4340 nohead lw 1.7 dt 1 lc rgb '#e7298a'
set label '' at screen 0.7947, screen 0.4340 point pt 15 ps 0.75 lc rgb '#e7298a'
set label 'ttt\_linear  {/:Italic T}^{0.00}' at screen 0.8211, screen 0.4340 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 389008 to screen 0.7739, screen 0.4340 nohead lw 0.5 lc rgb '#e7298a' back
set arrow from screen 0.7767, screen 0.4660 to screen 0.8128, screen 0.4660 nohead lw 1.7 dt 1 lc rgb '#cc79a7'
set label '' at screen 0.7947, screen 0.4660 point pt 5 ps 0.75 lc rgb '#cc79a7'
set label 'linformer†  {/:Italic T}^{0.00}' at screen 0.8211, screen 0.4660 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 622808 to screen 0.7739, screen 0.4660 nohead lw 0.5 lc rgb '#cc79a7' back
set arrow from screen 0.7767, screen 0.4979 to screen 0.8128, screen 0.4979 nohead lw 1.7 dt 1 lc rgb '#e69f00'
set label '' at screen 0.7947, screen 0.4979 point pt 11 ps 0.75 lc rgb '#e69f00'
set label 'performer  {/:Italic T}^{0.00}' at screen 0.8211, screen 0.4979 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 667696 to screen 0.7739, screen 0.4979 nohead lw 0.5 lc rgb '#e69f00' back
set arrow from screen 0.7767, screen 0.5298 to screen 0.8128, screen 0.5298 nohead lw 1.7 dt 1 lc rgb '#56b4e9'
set label '' at screen 0.7947, screen 0.5298 point pt 5 ps 0.75 lc rgb '#56b4e9'
set label 'flash  {/:Italic T}^{0.03}' at screen 0.8211, screen 0.5298 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 979160 to screen 0.7739, screen 0.5298 nohead lw 0.5 lc rgb '#56b4e9' back
set arrow from screen 0.7767, screen 0.5617 to screen 0.8128, screen 0.5617 nohead lw 1.7 dt 1 lc rgb '#1f2f8c'
set label '' at screen 0.7947, screen 0.5617 point pt 9 ps 0.75 lc rgb '#1f2f8c'
set label 'local  {/:Italic T}^{0.03}' at screen 0.8211, screen 0.5617 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 979160 to screen 0.7739, screen 0.5617 nohead lw 0.5 lc rgb '#1f2f8c' back
set arrow from screen 0.7767, screen 0.5936 to screen 0.8128, screen 0.5936 nohead lw 1.7 dt 1 lc rgb '#000000'
set label '' at screen 0.7947, screen 0.5936 point pt 13 ps 0.75 lc rgb '#000000'
set label 'fnet†  {/:Italic T}^{0.97}' at screen 0.8211, screen 0.5936 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 43720008 to screen 0.7739, screen 0.5936 nohead lw 0.5 lc rgb '#000000' back
set arrow from screen 0.7767, screen 0.8267 to screen 0.8128, screen 0.8267 nohead lw 1.7 dt 1 lc rgb '#0072b2'
set label '' at screen 0.7947, screen 0.8267 point pt 7 ps 0.75 lc rgb '#0072b2'
set label 'softmax  {/:Italic T}^{1.98}' at screen 0.8211, screen 0.8267 left font ',10' tc rgb '#222222'
set label 'softmax: OOM at 64k (predicted)' at screen 0.6393, screen 0.8945 right font ',9' tc rgb '#0072b2'
set arrow from graph 0, first 1.76911943e+10 to graph 1, first 1.76911943e+10 nohead dt 3 lw 0.6 lc rgb '#bbbbbb' back

set terminal svg size 720,470 fixed enhanced font 'DejaVu Sans,11' background rgb '#ffffff'
set output 'memory.svg'
plot 'memory.dat' index 0 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#009e73', \
     '' index 0 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 7 lc rgb '#009e73', \
     'memory.dat' index 1 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#56b4e9', \
     '' index 1 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 5 lc rgb '#56b4e9', \
     'memory.dat' index 2 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#000000', \
     '' index 2 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 13 lc rgb '#000000', \
     'memory.dat' index 3 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#6cbf1f', \
     '' index 3 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 5 lc rgb '#6cbf1f', \
     'memory.dat' index 4 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#9467bd', \
     '' index 4 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 11 lc rgb '#9467bd', \
     'memory.dat' index 5 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#00bcd4', \
     '' index 5 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 15 lc rgb '#00bcd4', \
     'memory.dat' index 6 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#d55e00', \
     '' index 6 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 9 lc rgb '#d55e00', \
     'memory.dat' index 7 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#cc79a7', \
     '' index 7 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 5 lc rgb '#cc79a7', \
     'memory.dat' index 8 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#1f2f8c', \
     '' index 8 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 9 lc rgb '#1f2f8c', \
     'memory.dat' index 9 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#b22222', \
     '' index 9 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 13 lc rgb '#b22222', \
     'memory.dat' index 10 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#e69f00', \
     '' index 10 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 11 lc rgb '#e69f00', \
     'memory.dat' index 11 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#8c564b', \
     '' index 11 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 9 lc rgb '#8c564b', \
     'memory.dat' index 12 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#8a8a00', \
     '' index 12 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 5 lc rgb '#8a8a00', \
     'memory.dat' index 13 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#0072b2', \
     '' index 13 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 7 lc rgb '#0072b2', \
     'memory.dat' index 14 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#e7298a', \
     '' index 14 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 15 lc rgb '#e7298a', \
     'memory.dat' index 15 using 1:2 with points pt 2 ps 1.1 lw 1.8 lc rgb '#0072b2'
set terminal pngcairo size 1440,940 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'memory.png'
replot
