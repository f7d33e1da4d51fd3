# Decode time per token. Made by labench; gnuplot decode.gp draws it again from decode.dat.
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
set label 'Decode time per token' at screen 0.012, screen 0.9617 left font ',13' tc rgb '#111111'
set label 'Time of one token after T - 1 others. Median of 82 to 705 calls in 3 rounds, bars: 95 % interval. Intel(R) Xeon(R) Processor, 2 threads, f32, B 1, H 2,' at screen 0.012, screen 0.0447 left font ',8' tc rgb '#555555'
set label 'd 64, caches hot. Not defined for fnet, linformer. Sweep 3c985191 of 2026-11-22, labench 0.1.0 (27246ba).' at screen 0.012, screen 0.0170 left font ',8' tc rgb '#555555'

set logscale x 2
set logscale y 10
set grid ytics lw 1 lc rgb '#e2e2e2'
set xlabel 'tokens in the state or cache'
set ylabel 'time of one decoded token' offset 0.5
set xrange [885.286125:151609.434]
set yrange [614.145731:15126714.3]
set xtics ('1k' 1024, '2k' 2048, '4k' 4096, '8k' 8192, '16k' 16384, '32k' 32768, '64k' 65536, '128k' 131072)
set ytics ('' 700 1, '' 800 1, '' 900 1, '1 µs' 1000, '' 2000 1, '' 3000 1, '' 4000 1, '' 5000 1, '' 6000 1, '' 7000 1, '' 8000 1, '' 9000 1, '10 µs' 10000, '' 20000 1, '' 30000 1, '' 40000 1, '' 50000 1, '' 60000 1, '' 70000 1, '' 80000 1, '' 90000 1, '100 µs' 100000, '' 200000 1, '' 300000 1, '' 400000 1, '' 500000 1, '' 600000 1, '' 700000 1, '' 800000 1, '' 900000 1, '1 ms' 1000000, '' 2000000 1, '' 3000000 1, '' 4000000 1, '' 5000000 1, '' 6000000 1, '' 7000000 1, '' 8000000 1, '' 9000000 1, '10 ms' 10000000)

set arrow from screen 0.7767, screen 0.1787 to screen 0.8128, screen 0.1787 nohead lw 1.7 dt 1 lc rgb '#b22222'
set label '' at screen 0.7947, screen 0.1787 point pt 13 ps 0.75 lc rgb '#b22222'
set label 'mamba2  {/:Italic T}^{-0.01}' at screen 0.8211, screen 0.1787 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 1085.73964 to screen 0.7739, screen 0.1787 nohead lw 0.5 lc rgb '#b22222' back
set arrow from screen 0.7767, screen 0.2106 to screen 0.8128, screen 0.2106 nohead lw 1.7 dt 1 lc rgb '#d55e00'
set label '' at screen 0.7947, screen 0.2106 point pt 9 ps 0.75 lc rgb '#d55e00'
set label 'linear  {/:Italic T}^{0.08}' at screen 0.8211, screen 0.2106 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 1544.52414 to screen 0.7739, screen 0.2106 nohead lw 0.5 lc rgb '#d55e00' back
set arrow from screen 0.7767, screen 0.2426 to screen 0.8128, screen 0.2426 nohead lw 1.7 dt 1 lc rgb '#8c564b'
set label '' at screen 0.7947, screen 0.2426 point pt 9 ps 0.75 lc rgb '#8c564b'
set label 'retnet  {/:Italic T}^{-0.03}' at screen 0.8211, screen 0.2426 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 1568.25541 to screen 0.7739, screen 0.2426 nohead lw 0.5 lc rgb '#8c564b' back
set arrow from screen 0.7767, screen 0.2745 to screen 0.8128, screen 0.2745 nohead lw 1.7 dt 1 lc rgb '#9467bd'
set label '' at screen 0.7947, screen 0.2745 point pt 11 ps 0.75 lc rgb '#9467bd'
set label 'gla  {/:Italic T}^{0.04}' at screen 0.8211, screen 0.2745 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 1608.94303 to screen 0.7739, screen 0.2745 nohead lw 0.5 lc rgb '#9467bd' back
set arrow from screen 0.7767, screen 0.3064 to screen 0.8128, screen 0.3064 nohead lw 1.7 dt 1 lc rgb '#00bcd4'
set label '' at screen 0.7947, screen 0.3064 point pt 15 ps 0.75 lc rgb '#00bcd4'
set label 'kda  {/:Italic T}^{0.00}' at screen 0.8211, screen 0.3064 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 1635.94737 to screen 0.7739, screen 0.3064 nohead lw 0.5 lc rgb '#00bcd4' back
set arrow from screen 0.7767, screen 0.3383 to screen 0.8128, screen 0.3383 nohead lw 1.7 dt 1 lc rgb '#009e73'
set label '' at screen 0.7947, screen 0.3383 point pt 7 ps 0.75 lc rgb '#009e73'
set label 'deltanet  {/:Italic T}^{0.00}' at screen 0.8211, screen 0.3383 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 1729.70355 to screen 0.7739, screen 0.3383 nohead lw 0.5 lc rgb '#009e73' back
set arrow from screen 0.7767, screen 0.3702 to screen 0.8128, screen 0.3702 nohead lw 1.7 dt 1 lc rgb '#6cbf1f'
set label '' at screen 0.7947, screen 0.3702 point pt 5 ps 0.75 lc rgb '#6cbf1f'
set label 'gated\_deltanet  {/:Italic T}^{0.12}' at screen 0.8211, screen 0.3702 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 1946.83123 to screen 0.7739, screen 0.3702 nohead lw 0.5 lc rgb '#6cbf1f' back
set arrow from screen 0.7767, screen 0.4021 to screen 0.8128, screen 0.4021 nohead lw 1.7 dt 1 lc rgb '#8a8a00'
set label '' at screen 0.7947, screen 0.4021 point pt 5 ps 0.75 lc rgb '#8a8a00'
set label 'rwkv7  {/:Italic T}^{0.01}' at screen 0.8211, screen 0.4021 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 2130.2963 to screen 0.7739, screen 0.4021 nohead lw 0.5 lc rgb '#8a8a00' back
set arrow from screen 0.7767, screen 0.4340 to screen 0.8128, screen 0.4340 nohead lw 1.7 dt 1 lc rgb '#e7298a'
set label '' at screen 0.7947, screen 0.4340 point pt 15 ps 0.75 lc rgb '#e7298a'
set label 'ttt\_linear  {/:Italic T}^{0.05}' at screen 0.8211, screen 0.4340 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 4015.89189 to screen 0.7739, screen 0.4340 nohead lw 0.5 lc rgb '#e7298a' back
set arrow from screen 0.7767, screen 0.4660 to screen 0.8128, screen 0.4660 nohead lw 1.7 dt 1 lc rgb '#1f2f8c'
set label '' at screen 0.7947, screen 0.4660 point pt 9 ps 0.75 lc rgb '#1f2f8c'
set label 'local  {/:Italic T}^{-0.10}' at screen 0.8211, screen 0.4660 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 5197.14667 to screen 0.7739, screen 0.4660 nohead lw 0.5 lc rgb '#1f2f8c' back
set arrow from screen 0.7767, screen 0.4979 to screen 0.8128, screen 0.4979 nohead lw 1.7 dt 1 lc rgb '#e69f00'
set label '' at screen 0.7947, screen 0.4979 point pt 11 ps 0.75 lc rgb '#e69f00'
set label 'performer  {/:Italic T}^{-0.07}' at screen 0.8211, screen 0.4979 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 10553.3619 to screen 0.7739, screen 0.4979 nohead lw 0.5 lc rgb '#e69f00' back
set arrow from screen 0.7767, screen 0.8511 to screen 0.8128, screen 0.8511 nohead lw 1.7 dt 1 lc rgb '#0072b2'
set label '' at screen 0.7947, screen 0.8511 point pt 7 ps 0.75 lc rgb '#0072b2'
set label 'softmax  {/:Italic T}^{1.27}' at screen 0.8211, screen 0.8511 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 7530231 to screen 0.7739, screen 0.8511 nohead lw 0.5 lc rgb '#0072b2' back
set arrow from screen 0.7767, screen 0.8830 to screen 0.8128, screen 0.8830 nohead lw 1.7 dt 1 lc rgb '#56b4e9'
set label '' at screen 0.7947, screen 0.8830 point pt 5 ps 0.75 lc rgb '#56b4e9'
set label 'flash  {/:Italic T}^{1.33}' at screen 0.8211, screen 0.8830 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 8294799 to screen 0.7739, screen 0.8830 nohead lw 0.5 lc rgb '#56b4e9' back

set terminal svg size 720,470 fixed enhanced font 'DejaVu Sans,11' background rgb '#ffffff'
set output 'decode.svg'
plot 'decode.dat' index 0 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#009e73', \
     '' index 0 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 7 lc rgb '#009e73', \
     'decode.dat' index 1 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#56b4e9', \
     '' index 1 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 5 lc rgb '#56b4e9', \
     'decode.dat' index 2 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#000000', \
     '' index 2 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 13 lc rgb '#000000', \
     'decode.dat' index 3 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#6cbf1f', \
     '' index 3 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 5 lc rgb '#6cbf1f', \
     'decode.dat' index 4 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#9467bd', \
     '' index 4 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 11 lc rgb '#9467bd', \
     'decode.dat' index 5 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#00bcd4', \
     '' index 5 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 15 lc rgb '#00bcd4', \
     'decode.dat' index 6 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#d55e00', \
     '' index 6 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 9 lc rgb '#d55e00', \
     'decode.dat' index 7 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#cc79a7', \
     '' index 7 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 5 lc rgb '#cc79a7', \
     'decode.dat' index 8 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#1f2f8c', \
     '' index 8 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 9 lc rgb '#1f2f8c', \
     'decode.dat' index 9 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#b22222', \
     '' index 9 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 13 lc rgb '#b22222', \
     'decode.dat' index 10 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#e69f00', \
     '' index 10 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 11 lc rgb '#e69f00', \
     'decode.dat' index 11 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#8c564b', \
     '' index 11 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 9 lc rgb '#8c564b', \
     'decode.dat' index 12 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#8a8a00', \
     '' index 12 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 5 lc rgb '#8a8a00', \
     'decode.dat' index 13 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#0072b2', \
     '' index 13 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 7 lc rgb '#0072b2', \
     'decode.dat' index 14 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#e7298a', \
     '' index 14 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 15 lc rgb '#e7298a'
set terminal pngcairo size 1440,940 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'decode.png'
replot
