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
set rmargin at screen 0.8044
set bmargin at screen 0.1702
set tmargin at screen 0.9149
set label 'Recall against load' at screen 0.012, screen 0.9617 left font ',13' tc rgb '#111111'
set label 'Stored pairs looked up again. 256 answers in 1 round, bars: 95 % Wilson interval. T 4k. Intel(R) Xeon(R) Processor, 2 threads, f32, B 1, H 2, d 64, caches' at screen 0.012, screen 0.0447 left font ',8' tc rgb '#555555'
set label 'hot. † bidirectional, the others causal. Task: keys random, filler null. Not defined for fnet. Sweep 073dd36a of 2026-11-23, quick, labench 0.1.0 (e6b9c65).' at screen 0.012, screen 0.0170 left font ',8' tc rgb '#555555'

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
set arrow from screen 0.8267, screen 0.1787 to screen 0.8628, screen 0.1787 nohead lw 1.7 dt 1 lc rgb '#1f2f8c'
set label '' at screen 0.8447, screen 0.1787 point pt 9 ps 0.75 lc rgb '#1f2f8c'
set label 'local' at screen 0.8711, screen 0.1787 left font ',10' tc rgb '#222222'
set arrow from first 128, first 0 to screen 0.8239, screen 0.1787 nohead lw 0.5 lc rgb '#1f2f8c' back
set arrow from screen 0.8267, screen 0.2106 to screen 0.8628, screen 0.2106 nohead lw 1.7 dt 1 lc rgb '#cc79a7'
set label '' at screen 0.8447, screen 0.2106 point pt 5 ps 0.75 lc rgb '#cc79a7'
set label 'linformer†' at screen 0.8711, screen 0.2106 left font ',10' tc rgb '#222222'
set arrow from first 128, first 0.0078125 to screen 0.8239, screen 0.2106 nohead lw 0.5 lc rgb '#cc79a7' back
set arrow from screen 0.8267, screen 0.2426 to screen 0.8628, screen 0.2426 nohead lw 1.7 dt 1 lc rgb '#d55e00'
set label '' at screen 0.8447, screen 0.2426 point pt 9 ps 0.75 lc rgb '#d55e00'
set label 'linear' at screen 0.8711, screen 0.2426 left font ',10' tc rgb '#222222'
set arrow from first 128, first 0.01171875 to screen 0.8239, screen 0.2426 nohead lw 0.5 lc rgb '#d55e00' back
set arrow from screen 0.8267, screen 0.2745 to screen 0.8628, screen 0.2745 nohead lw 1.7 dt 1 lc rgb '#e69f00'
set label '' at screen 0.8447, screen 0.2745 point pt 11 ps 0.75 lc rgb '#e69f00'
set label 'performer' at screen 0.8711, screen 0.2745 left font ',10' tc rgb '#222222'
set arrow from first 128, first 0.04296875 to screen 0.8239, screen 0.2745 nohead lw 0.5 lc rgb '#e69f00' back
set arrow from screen 0.8267, screen 0.3064 to screen 0.8628, screen 0.3064 nohead lw 1.7 dt 1 lc rgb '#e7298a'
set label '' at screen 0.8447, screen 0.3064 point pt 15 ps 0.75 lc rgb '#e7298a'
set label 'ttt\_linear' at screen 0.8711, screen 0.3064 left font ',10' tc rgb '#222222'
set arrow from first 128, first 0.05859375 to screen 0.8239, screen 0.3064 nohead lw 0.5 lc rgb '#e7298a' back
set arrow from screen 0.8267, screen 0.3383 to screen 0.8628, screen 0.3383 nohead lw 1.7 dt 1 lc rgb '#8c564b'
set label '' at screen 0.8447, screen 0.3383 point pt 9 ps 0.75 lc rgb '#8c564b'
set label 'retnet' at screen 0.8711, screen 0.3383 left font ',10' tc rgb '#222222'
set arrow from first 128, first 0.078125 to screen 0.8239, screen 0.3383 nohead lw 0.5 lc rgb '#8c564b' back
set arrow from screen 0.8267, screen 0.5075 to screen 0.8628, screen 0.5075 nohead lw 1.7 dt 1 lc rgb '#8a8a00'
set label '' at screen 0.8447, screen 0.5075 point pt 5 ps 0.75 lc rgb '#8a8a00'
set label 'rwkv7' at screen 0.8711, screen 0.5075 left font ',10' tc rgb '#222222'
set arrow from first 128, first 0.5078125 to screen 0.8239, screen 0.5075 nohead lw 0.5 lc rgb '#8a8a00' back
set arrow from screen 0.8267, screen 0.5394 to screen 0.8628, screen 0.5394 nohead lw 1.7 dt 1 lc rgb '#6cbf1f'
set label '' at screen 0.8447, screen 0.5394 point pt 5 ps 0.75 lc rgb '#6cbf1f'
set label 'gated\_deltanet' at screen 0.8711, screen 0.5394 left font ',10' tc rgb '#222222'
set arrow from first 128, first 0.51953125 to screen 0.8239, screen 0.5394 nohead lw 0.5 lc rgb '#6cbf1f' back
set arrow from screen 0.8267, screen 0.5713 to screen 0.8628, screen 0.5713 nohead lw 1.7 dt 1 lc rgb '#009e73'
set label '' at screen 0.8447, screen 0.5713 point pt 7 ps 0.75 lc rgb '#009e73'
set label 'deltanet' at screen 0.8711, screen 0.5713 left font ',10' tc rgb '#222222'
set arrow from first 128, first 0.52734375 to screen 0.8239, screen 0.5713 nohead lw 0.5 lc rgb '#009e73' back
set arrow from screen 0.8267, screen 0.6033 to screen 0.8628, screen 0.6033 nohead lw 1.7 dt 1 lc rgb '#00bcd4'
set label '' at screen 0.8447, screen 0.6033 point pt 15 ps 0.75 lc rgb '#00bcd4'
set label 'kda' at screen 0.8711, screen 0.6033 left font ',10' tc rgb '#222222'
set arrow from first 128, first 0.5390625 to screen 0.8239, screen 0.6033 nohead lw 0.5 lc rgb '#00bcd4' back
set arrow from screen 0.8267, screen 0.8106 to screen 0.8628, screen 0.8106 nohead lw 1.7 dt 1 lc rgb '#9467bd'
set label '' at screen 0.8447, screen 0.8106 point pt 11 ps 0.75 lc rgb '#9467bd'
set label 'gla' at screen 0.8711, screen 0.8106 left font ',10' tc rgb '#222222'
set arrow from first 128, first 0.953125 to screen 0.8239, screen 0.8106 nohead lw 0.5 lc rgb '#9467bd' back
set arrow from screen 0.8267, screen 0.8426 to screen 0.8628, screen 0.8426 nohead lw 1.7 dt 1 lc rgb '#b22222'
set label '' at screen 0.8447, screen 0.8426 point pt 13 ps 0.75 lc rgb '#b22222'
set label 'mamba2' at screen 0.8711, screen 0.8426 left font ',10' tc rgb '#222222'
set arrow from first 128, first 0.96875 to screen 0.8239, screen 0.8426 nohead lw 0.5 lc rgb '#b22222' back
set arrow from screen 0.8267, screen 0.8745 to screen 0.8628, screen 0.8745 nohead lw 1.7 dt 1 lc rgb '#56b4e9'
set label '' at screen 0.8447, screen 0.8745 point pt 5 ps 0.75 lc rgb '#56b4e9'
set label 'flash' at screen 0.8711, screen 0.8745 left font ',10' tc rgb '#222222'
set arrow from first 128, first 1 to screen 0.8239, screen 0.8745 nohead lw 0.5 lc rgb '#56b4e9' back
set arrow from screen 0.8267, screen 0.9064 to screen 0.8628, screen 0.9064 nohead lw 1.7 dt 1 lc rgb '#0072b2'
set label '' at screen 0.8447, screen 0.9064 point pt 7 ps 0.75 lc rgb '#0072b2'
set label 'softmax' at screen 0.8711, screen 0.9064 left font ',10' tc rgb '#222222'
set arrow from first 128, first 1 to screen 0.8239, screen 0.9064 nohead lw 0.5 lc rgb '#0072b2' back

set terminal svg size 720,470 fixed enhanced font 'DejaVu Sans,11' background rgb '#ffffff'
set output 'load.svg'
plot 'load.dat' index 0 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#009e73', \
     '' index 0 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 7 lc rgb '#009e73', \
     'load.dat' index 1 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#56b4e9', \
     '' index 1 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 5 lc rgb '#56b4e9', \
     'load.dat' index 2 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#000000', \
     '' index 2 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 13 lc rgb '#000000', \
     'load.dat' index 3 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#6cbf1f', \
     '' index 3 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 5 lc rgb '#6cbf1f', \
     'load.dat' index 4 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#9467bd', \
     '' index 4 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 11 lc rgb '#9467bd', \
     'load.dat' index 5 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#00bcd4', \
     '' index 5 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 15 lc rgb '#00bcd4', \
     'load.dat' index 6 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#d55e00', \
     '' index 6 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 9 lc rgb '#d55e00', \
     'load.dat' index 7 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#cc79a7', \
     '' index 7 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 5 lc rgb '#cc79a7', \
     'load.dat' index 8 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#1f2f8c', \
     '' index 8 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 9 lc rgb '#1f2f8c', \
     'load.dat' index 9 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#b22222', \
     '' index 9 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 13 lc rgb '#b22222', \
     'load.dat' index 10 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#e69f00', \
     '' index 10 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 11 lc rgb '#e69f00', \
     'load.dat' index 11 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#8c564b', \
     '' index 11 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 9 lc rgb '#8c564b', \
     'load.dat' index 12 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#8a8a00', \
     '' index 12 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 5 lc rgb '#8a8a00', \
     'load.dat' index 13 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#0072b2', \
     '' index 13 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 7 lc rgb '#0072b2', \
     'load.dat' index 14 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#e7298a', \
     '' index 14 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 15 lc rgb '#e7298a'
set terminal pngcairo size 1440,940 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'load.png'
replot
