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
set rmargin at screen 0.7544
set bmargin at screen 0.1702
set tmargin at screen 0.9149
set label 'Forward time' at screen 0.012, screen 0.9617 left font ',13' tc rgb '#111111'
set label 'Time of one forward call. Median of 1 to 1280 calls in 1 to 3 rounds, bars: 95 % interval (none below 6 calls). AMD EPYC, 2 threads, f32, B 1, H 2, d 64,' at screen 0.012, screen 0.0447 left font ',8' tc rgb '#555555'
set label 'caches hot. † bidirectional, the others causal. Sweep 217ddc33 of 2026-11-21, labench 0.1.0 (61c7f94).' at screen 0.012, screen 0.0170 left font ',8' tc rgb '#555555'

set logscale x 2
set logscale y 10
set grid ytics lw 1 lc rgb '#e2e2e2'
set xlabel 'sequence length T (tokens)'
set ylabel 'time of one forward call' offset 0.5
set xrange [885.286125:151609.434]
set yrange [20626.2174:7.72680386e+10]
set xtics ('1k' 1024, '2k' 2048, '4k' 4096, '8k' 8192, '16k' 16384, '32k' 32768, '64k' 65536, '128k' 131072)
set ytics ('' 30000 1, '' 40000 1, '' 50000 1, '' 60000 1, '' 70000 1, '' 80000 1, '' 90000 1, '100 µs' 100000, '' 200000 1, '' 300000 1, '' 400000 1, '' 500000 1, '' 600000 1, '' 700000 1, '' 800000 1, '' 900000 1, '1 ms' 1000000, '' 2000000 1, '' 3000000 1, '' 4000000 1, '' 5000000 1, '' 6000000 1, '' 7000000 1, '' 8000000 1, '' 9000000 1, '10 ms' 10000000, '' 20000000 1, '' 30000000 1, '' 40000000 1, '' 50000000 1, '' 60000000 1, '' 70000000 1, '' 80000000 1, '' 90000000 1, '100 ms' 100000000, '' 200000000 1, '' 300000000 1, '' 400000000 1, '' 500000000 1, '' 600000000 1, '' 700000000 1, '' 800000000 1, '' 900000000 1, '1 s' 1e+09, '' 2e+09 1, '' 3e+09 1, '' 4e+09 1, '' 5e+09 1, '' 6e+09 1, '' 7e+09 1, '' 8e+09 1, '' 9e+09 1, '10 s' 1e+10, '' 2e+10 1)

set arrow from first 885.286125, first 27344.8787 to first 151609.434, first 4682939.74 nohead dt 3 lw 1 lc rgb '#aaaaaa' back
set label '{/:Italic T}' at first 105772.129, first 3267108.74 right offset char -0.3, char 0.5 font ',9' tc rgb '#999999' back
set arrow from first 885.286125, first 27344.8787 to first 151609.434, first 801975567 nohead dt 3 lw 1 lc rgb '#aaaaaa' back
set label '{/:Italic T}^2' at first 105772.129, first 390347298 right offset char -0.3, char 0.5 font ',9' tc rgb '#999999' back
set arrow from screen 0.7767, screen 0.3494 to screen 0.8128, screen 0.3494 nohead lw 1.7 dt 1 lc rgb '#000000'
set label '' at screen 0.7947, screen 0.3494 point pt 13 ps 0.75 lc rgb '#000000'
set label 'fnet†  {/:Italic T}^{1.19}' at screen 0.8211, screen 0.3494 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 16709171.5 to screen 0.7739, screen 0.3494 nohead lw 0.5 lc rgb '#000000' back
set arrow from screen 0.7767, screen 0.3813 to screen 0.8128, screen 0.3813 nohead lw 1.7 dt 1 lc rgb '#8c564b'
set label '' at screen 0.7947, screen 0.3813 point pt 9 ps 0.75 lc rgb '#8c564b'
set label 'retnet  {/:Italic T}^{1.00}' at screen 0.8211, screen 0.3813 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 20576804.5 to screen 0.7739, screen 0.3813 nohead lw 0.5 lc rgb '#8c564b' back
set arrow from screen 0.7767, screen 0.4132 to screen 0.8128, screen 0.4132 nohead lw 1.7 dt 1 lc rgb '#009e73'
set label '' at screen 0.7947, screen 0.4132 point pt 7 ps 0.75 lc rgb '#009e73'
set label 'deltanet  {/:Italic T}^{0.96}' at screen 0.8211, screen 0.4132 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 24645798.5 to screen 0.7739, screen 0.4132 nohead lw 0.5 lc rgb '#009e73' back
set arrow from screen 0.7767, screen 0.4451 to screen 0.8128, screen 0.4451 nohead lw 1.7 dt 1 lc rgb '#b22222'
set label '' at screen 0.7947, screen 0.4451 point pt 13 ps 0.75 lc rgb '#b22222'
set label 'mamba2  {/:Italic T}^{1.08}' at screen 0.8211, screen 0.4451 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 24832913.5 to screen 0.7739, screen 0.4451 nohead lw 0.5 lc rgb '#b22222' back
set arrow from screen 0.7767, screen 0.4770 to screen 0.8128, screen 0.4770 nohead lw 1.7 dt 1 lc rgb '#d55e00'
set label '' at screen 0.7947, screen 0.4770 point pt 9 ps 0.75 lc rgb '#d55e00'
set label 'linear  {/:Italic T}^{1.00}' at screen 0.8211, screen 0.4770 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 25087127 to screen 0.7739, screen 0.4770 nohead lw 0.5 lc rgb '#d55e00' back
set arrow from screen 0.7767, screen 0.5090 to screen 0.8128, screen 0.5090 nohead lw 1.7 dt 1 lc rgb '#6cbf1f'
set label '' at screen 0.7947, screen 0.5090 point pt 5 ps 0.75 lc rgb '#6cbf1f'
set label 'gated\_deltanet  {/:Italic T}^{0.99}' at screen 0.8211, screen 0.5090 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 27379426 to screen 0.7739, screen 0.5090 nohead lw 0.5 lc rgb '#6cbf1f' back
set arrow from screen 0.7767, screen 0.5409 to screen 0.8128, screen 0.5409 nohead lw 1.7 dt 1 lc rgb '#9467bd'
set label '' at screen 0.7947, screen 0.5409 point pt 11 ps 0.75 lc rgb '#9467bd'
set label 'gla  {/:Italic T}^{1.02}' at screen 0.8211, screen 0.5409 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 34038358 to screen 0.7739, screen 0.5409 nohead lw 0.5 lc rgb '#9467bd' back
set arrow from screen 0.7767, screen 0.5728 to screen 0.8128, screen 0.5728 nohead lw 1.7 dt 1 lc rgb '#00bcd4'
set label '' at screen 0.7947, screen 0.5728 point pt 15 ps 0.75 lc rgb '#00bcd4'
set label 'kda  {/:Italic T}^{0.98}' at screen 0.8211, screen 0.5728 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 41044818 to screen 0.7739, screen 0.5728 nohead lw 0.5 lc rgb '#00bcd4' back
set arrow from screen 0.7767, screen 0.6047 to screen 0.8128, screen 0.6047 nohead lw 1.7 dt 1 lc rgb '#8a8a00'
set label '' at screen 0.7947, screen 0.6047 point pt 5 ps 0.75 lc rgb '#8a8a00'
set label 'rwkv7  {/:Italic T}^{1.06}' at screen 0.8211, screen 0.6047 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 45605275 to screen 0.7739, screen 0.6047 nohead lw 0.5 lc rgb '#8a8a00' back
set arrow from screen 0.7767, screen 0.6366 to screen 0.8128, screen 0.6366 nohead lw 1.7 dt 1 lc rgb '#e7298a'
set label '' at screen 0.7947, screen 0.6366 point pt 15 ps 0.75 lc rgb '#e7298a'
set label 'ttt\_linear  {/:Italic T}^{1.02}' at screen 0.8211, screen 0.6366 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 46338473 to screen 0.7739, screen 0.6366 nohead lw 0.5 lc rgb '#e7298a' back
set arrow from screen 0.7767, screen 0.6685 to screen 0.8128, screen 0.6685 nohead lw 1.7 dt 1 lc rgb '#1f2f8c'
set label '' at screen 0.7947, screen 0.6685 point pt 9 ps 0.75 lc rgb '#1f2f8c'
set label 'local  {/:Italic T}^{1.02}' at screen 0.8211, screen 0.6685 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 69824207 to screen 0.7739, screen 0.6685 nohead lw 0.5 lc rgb '#1f2f8c' back
set arrow from screen 0.7767, screen 0.7004 to screen 0.8128, screen 0.7004 nohead lw 1.7 dt 1 lc rgb '#cc79a7'
set label '' at screen 0.7947, screen 0.7004 point pt 5 ps 0.75 lc rgb '#cc79a7'
set label 'linformer†  {/:Italic T}^{1.02}' at screen 0.8211, screen 0.7004 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 109154803 to screen 0.7739, screen 0.7004 nohead lw 0.5 lc rgb '#cc79a7' back
set arrow from screen 0.7767, screen 0.7324 to screen 0.8128, screen 0.7324 nohead lw 1.7 dt 1 lc rgb '#e69f00'
set label '' at screen 0.7947, screen 0.7324 point pt 11 ps 0.75 lc rgb '#e69f00'
set label 'performer  {/:Italic T}^{0.96}' at screen 0.8211, screen 0.7324 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 159391080 to screen 0.7739, screen 0.7324 nohead lw 0.5 lc rgb '#e69f00' back
set arrow from screen 0.7767, screen 0.7643 to screen 0.8128, screen 0.7643 nohead lw 1.7 dt 1 lc rgb '#0072b2'
set label '' at screen 0.7947, screen 0.7643 point pt 7 ps 0.75 lc rgb '#0072b2'
set label 'softmax  {/:Italic T}^{2.19}' at screen 0.8211, screen 0.7643 left font ',10' tc rgb '#222222'
set arrow from screen 0.7767, screen 0.8267 to screen 0.8128, screen 0.8267 nohead lw 1.7 dt 1 lc rgb '#56b4e9'
set label '' at screen 0.7947, screen 0.8267 point pt 5 ps 0.75 lc rgb '#56b4e9'
set label 'flash  {/:Italic T}^{2.01}' at screen 0.8211, screen 0.8267 left font ',10' tc rgb '#222222'
set label 'softmax: OOM at 64k (predicted)' at screen 0.6393, screen 0.8945 right font ',9' tc rgb '#0072b2'
set arrow from graph 0, first 2.73678132e+10 to graph 1, first 2.73678132e+10 nohead dt 3 lw 0.6 lc rgb '#bbbbbb' back

set terminal svg size 720,470 fixed enhanced font 'DejaVu Sans,11' background rgb '#ffffff'
set output 'time.svg'
plot 'time.dat' index 0 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#009e73', \
     '' index 0 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 7 lc rgb '#009e73', \
     'time.dat' index 1 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#56b4e9', \
     '' index 1 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 5 lc rgb '#56b4e9', \
     'time.dat' index 2 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#000000', \
     '' index 2 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 13 lc rgb '#000000', \
     'time.dat' index 3 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#6cbf1f', \
     '' index 3 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 5 lc rgb '#6cbf1f', \
     'time.dat' index 4 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#9467bd', \
     '' index 4 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 11 lc rgb '#9467bd', \
     'time.dat' index 5 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#00bcd4', \
     '' index 5 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 15 lc rgb '#00bcd4', \
     'time.dat' index 6 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#d55e00', \
     '' index 6 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 9 lc rgb '#d55e00', \
     'time.dat' index 7 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#cc79a7', \
     '' index 7 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 5 lc rgb '#cc79a7', \
     'time.dat' index 8 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#1f2f8c', \
     '' index 8 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 9 lc rgb '#1f2f8c', \
     'time.dat' index 9 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#b22222', \
     '' index 9 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 13 lc rgb '#b22222', \
     'time.dat' index 10 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#e69f00', \
     '' index 10 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 11 lc rgb '#e69f00', \
     'time.dat' index 11 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#8c564b', \
     '' index 11 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 9 lc rgb '#8c564b', \
     'time.dat' index 12 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#8a8a00', \
     '' index 12 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 5 lc rgb '#8a8a00', \
     'time.dat' index 13 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#0072b2', \
     '' index 13 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 7 lc rgb '#0072b2', \
     'time.dat' index 14 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#e7298a', \
     '' index 14 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 15 lc rgb '#e7298a', \
     'time.dat' index 15 using 1:2 with points pt 2 ps 1.1 lw 1.8 lc rgb '#0072b2'
set terminal pngcairo size 1440,940 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'time.png'
replot
