# Forward time. Made by labench; gnuplot time.gp draws it again from time.dat.
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
set label 'Forward time' at screen 0.012, screen 0.962 left font ',13' tc rgb '#111111'
set label 'Time of one forward call. Median of 1 to 2560 calls in 1 to 3 rounds, bars: 95 % interval (none below 6 calls). AMD EPYC, 2 threads, f32, B 1, H 2, d 64,' at screen 0.012, screen 0.0447 left font ',8' tc rgb '#555555'
set label 'caches hot. † bidirectional, the others causal. Sweep a6eba32c of 2026-11-21, labench 0.1.0 (80f32e8).' at screen 0.012, screen 0.0170 left font ',8' tc rgb '#555555'

set logscale x 2
set logscale y 10
set grid ytics lw 1 lc rgb '#e2e2e2'
set xlabel 'sequence length T (tokens)'
set ylabel 'time of one forward call' offset 0.5
set xrange [885.286125:151609.434]
set yrange [64835.5222:6.07635076e+10]
set xtics ('1k' 1024, '2k' 2048, '4k' 4096, '8k' 8192, '16k' 16384, '32k' 32768, '64k' 65536, '128k' 131072)
set ytics ('' 70000 1, '' 80000 1, '' 90000 1, '100 µs' 100000, '' 200000 1, '' 300000 1, '' 400000 1, '' 500000 1, '' 600000 1, '' 700000 1, '' 800000 1, '' 900000 1, '1 ms' 1000000, '' 2000000 1, '' 3000000 1, '' 4000000 1, '' 5000000 1, '' 6000000 1, '' 7000000 1, '' 8000000 1, '' 9000000 1, '10 ms' 10000000, '' 20000000 1, '' 30000000 1, '' 40000000 1, '' 50000000 1, '' 60000000 1, '' 70000000 1, '' 80000000 1, '' 90000000 1, '100 ms' 100000000, '' 200000000 1, '' 300000000 1, '' 400000000 1, '' 500000000 1, '' 600000000 1, '' 700000000 1, '' 800000000 1, '' 900000000 1, '1 s' 1e+09, '' 2e+09 1, '' 3e+09 1, '' 4e+09 1, '' 5e+09 1, '' 6e+09 1, '' 7e+09 1, '' 8e+09 1, '' 9e+09 1, '10 s' 1e+10, '' 2e+10 1)

set arrow from first 885.286125, first 83764.4366 to first 151609.434, first 14345055.7 nohead dt 3 lw 1 lc rgb '#aaaaaa' back
set label '{/:Italic T}' at first 105772.129, first 10007999.1 right offset char -0.3, char 0.5 font ',9' tc rgb '#999999' back
set arrow from first 885.286125, first 83764.4366 to first 151609.434, first 2.4566586e+09 nohead dt 3 lw 1 lc rgb '#aaaaaa' back
set label '{/:Italic T}^2' at first 105772.129, first 1.19573474e+09 right offset char -0.3, char 0.5 font ',9' tc rgb '#999999' back
set label 'gated\_deltanet  {/:Italic T}^{1.00}' at screen 0.8156, screen 0.4455 left font ',10' tc rgb '#66c2a5'
set arrow from first 131072, first 22445091.5 to screen 0.8114, screen 0.4455 nohead lw 0.5 lc rgb '#66c2a5' back
set label 'deltanet  {/:Italic T}^{1.00}' at screen 0.8156, screen 0.4774 left font ',10' tc rgb '#009e73'
set arrow from first 131072, first 22754949 to screen 0.8114, screen 0.4774 nohead lw 0.5 lc rgb '#009e73' back
set label 'linear  {/:Italic T}^{1.10}' at screen 0.8156, screen 0.5094 left font ',10' tc rgb '#d55e00'
set arrow from first 131072, first 23954638 to screen 0.8114, screen 0.5094 nohead lw 0.5 lc rgb '#d55e00' back
set label 'fnet†  {/:Italic T}^{1.09}' at screen 0.8156, screen 0.5413 left font ',10' tc rgb '#000000'
set arrow from first 131072, first 43051731 to screen 0.8114, screen 0.5413 nohead lw 0.5 lc rgb '#000000' back
set label 'linformer†  {/:Italic T}^{1.01}' at screen 0.8156, screen 0.5732 left font ',10' tc rgb '#cc79a7'
set label 'performer  {/:Italic T}^{1.00}' at screen 0.8156, screen 0.6051 left font ',10' tc rgb '#e69f00'
set arrow from first 131072, first 154110459 to screen 0.8114, screen 0.6051 nohead lw 0.5 lc rgb '#e69f00' back
set label 'flash  {/:Italic T}^{2.02}' at screen 0.8156, screen 0.8267 left font ',10' tc rgb '#0072b2'
set label 'softmax  {/:Italic T}^{1.99}' at screen 0.4724, screen 0.7552 left font ',10' tc rgb '#56b4e9'
set label 'softmax: OOM at 64k (predicted)' at screen 0.6742, screen 0.8945 right font ',9' tc rgb '#56b4e9'
set arrow from graph 0, first 2.36671484e+10 to graph 1, first 2.36671484e+10 nohead dt 3 lw 0.6 lc rgb '#bbbbbb' back

set terminal svg size 720,470 fixed enhanced font 'DejaVu Sans,11' background rgb '#ffffff'
set output 'time.svg'
plot 'time.dat' index 0 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#009e73', \
     '' index 0 using 1:2 with linespoints lw 1.7 dt 1 pt 15 ps 0.75 lc rgb '#009e73', \
     'time.dat' index 1 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#0072b2', \
     '' index 1 using 1:2 with linespoints lw 1.7 dt 1 pt 7 ps 0.75 lc rgb '#0072b2', \
     'time.dat' index 2 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#000000', \
     '' index 2 using 1:2 with linespoints lw 1.7 dt 1 pt 13 ps 0.75 lc rgb '#000000', \
     'time.dat' index 3 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#66c2a5', \
     '' index 3 using 1:2 with linespoints lw 1.7 dt 2 pt 7 ps 0.75 lc rgb '#66c2a5', \
     'time.dat' index 4 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#d55e00', \
     '' index 4 using 1:2 with linespoints lw 1.7 dt 1 pt 9 ps 0.75 lc rgb '#d55e00', \
     'time.dat' index 5 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#cc79a7', \
     '' index 5 using 1:2 with linespoints lw 1.7 dt 1 pt 5 ps 0.75 lc rgb '#cc79a7', \
     'time.dat' index 6 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#e69f00', \
     '' index 6 using 1:2 with linespoints lw 1.7 dt 2 pt 11 ps 0.75 lc rgb '#e69f00', \
     'time.dat' index 7 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#56b4e9', \
     '' index 7 using 1:2 with linespoints lw 1.7 dt 2 pt 5 ps 0.75 lc rgb '#56b4e9', \
     'time.dat' index 8 using 1:2 with points pt 2 ps 1.1 lw 1.8 lc rgb '#56b4e9'
set terminal pngcairo size 1440,940 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'time.png'
replot
