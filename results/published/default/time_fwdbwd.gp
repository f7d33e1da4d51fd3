# Time of forward and backward. Made by labench; gnuplot time_fwdbwd.gp draws it again from time_fwdbwd.dat.
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
set bmargin at screen 0.1979
set tmargin at screen 0.9149
set label 'Time of forward and backward' at screen 0.012, screen 0.9617 left font ',13' tc rgb '#111111'
set label 'Time of one forward call that saves what its backward needs, and the backward. Median of 1 to 404 calls in 1 to 3 rounds, bars: 95 % interval (none below 6' at screen 0.012, screen 0.0723 left font ',8' tc rgb '#555555'
set label 'calls). Intel(R) Xeon(R) Processor, 2 threads, f32, B 1, H 2, d 64, caches hot. † bidirectional, the others causal. Sweep 3c985191 of 2026-11-22, labench' at screen 0.012, screen 0.0447 left font ',8' tc rgb '#555555'
set label '0.1.0 (27246ba).' at screen 0.012, screen 0.0170 left font ',8' tc rgb '#555555'

set logscale x 2
set logscale y 10
set grid ytics lw 1 lc rgb '#e2e2e2'
set xlabel 'sequence length T (tokens)'
set ylabel 'time of forward and backward' offset 0.5
set xrange [885.286125:151609.434]
set yrange [108060.867:5.6038145e+11]
set xtics ('1k' 1024, '2k' 2048, '4k' 4096, '8k' 8192, '16k' 16384, '32k' 32768, '64k' 65536, '128k' 131072)
set ytics ('' 200000 1, '' 300000 1, '' 400000 1, '' 500000 1, '' 600000 1, '' 700000 1, '' 800000 1, '' 900000 1, '1 ms' 1000000, '' 2000000 1, '' 3000000 1, '' 4000000 1, '' 5000000 1, '' 6000000 1, '' 7000000 1, '' 8000000 1, '' 9000000 1, '10 ms' 10000000, '' 20000000 1, '' 30000000 1, '' 40000000 1, '' 50000000 1, '' 60000000 1, '' 70000000 1, '' 80000000 1, '' 90000000 1, '100 ms' 100000000, '' 200000000 1, '' 300000000 1, '' 400000000 1, '' 500000000 1, '' 600000000 1, '' 700000000 1, '' 800000000 1, '' 900000000 1, '1 s' 1e+09, '' 2e+09 1, '' 3e+09 1, '' 4e+09 1, '' 5e+09 1, '' 6e+09 1, '' 7e+09 1, '' 8e+09 1, '' 9e+09 1, '10 s' 1e+10, '' 2e+10 1, '' 3e+10 1, '' 4e+10 1, '' 5e+10 1, '' 6e+10 1, '' 7e+10 1, '' 8e+10 1, '' 9e+10 1, '100 s' 1e+11)

set arrow from first 885.286125, first 144012.645 to first 151609.434, first 24662846.1 nohead dt 3 lw 1 lc rgb '#aaaaaa' back
set label '{/:Italic T}' at first 105772.129, first 17206328.6 right offset char -0.3, char 0.5 font ',9' tc rgb '#999999' back
set arrow from first 885.286125, first 144012.645 to first 151609.434, first 4.22362898e+09 nohead dt 3 lw 1 lc rgb '#aaaaaa' back
set label '{/:Italic T}^2' at first 105772.129, first 2.05577605e+09 right offset char -0.3, char 0.5 font ',9' tc rgb '#999999' back
set arrow from screen 0.7767, screen 0.3731 to screen 0.8128, screen 0.3731 nohead lw 1.7 dt 1 lc rgb '#000000'
set label '' at screen 0.7947, screen 0.3731 point pt 13 ps 0.75 lc rgb '#000000'
set label 'fnet†  {/:Italic T}^{1.19}' at screen 0.8211, screen 0.3731 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 100909915 to screen 0.7739, screen 0.3731 nohead lw 0.5 lc rgb '#000000' back
set arrow from screen 0.7767, screen 0.4050 to screen 0.8128, screen 0.4050 nohead lw 1.7 dt 1 lc rgb '#8c564b'
set label '' at screen 0.7947, screen 0.4050 point pt 9 ps 0.75 lc rgb '#8c564b'
set label 'retnet  {/:Italic T}^{0.99}' at screen 0.8211, screen 0.4050 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 196825858 to screen 0.7739, screen 0.4050 nohead lw 0.5 lc rgb '#8c564b' back
set arrow from screen 0.7767, screen 0.4370 to screen 0.8128, screen 0.4370 nohead lw 1.7 dt 1 lc rgb '#b22222'
set label '' at screen 0.7947, screen 0.4370 point pt 13 ps 0.75 lc rgb '#b22222'
set label 'mamba2  {/:Italic T}^{1.02}' at screen 0.8211, screen 0.4370 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 216688251 to screen 0.7739, screen 0.4370 nohead lw 0.5 lc rgb '#b22222' back
set arrow from screen 0.7767, screen 0.4689 to screen 0.8128, screen 0.4689 nohead lw 1.7 dt 1 lc rgb '#d55e00'
set label '' at screen 0.7947, screen 0.4689 point pt 9 ps 0.75 lc rgb '#d55e00'
set label 'linear  {/:Italic T}^{0.98}' at screen 0.8211, screen 0.4689 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 222937348 to screen 0.7739, screen 0.4689 nohead lw 0.5 lc rgb '#d55e00' back
set arrow from screen 0.7767, screen 0.5008 to screen 0.8128, screen 0.5008 nohead lw 1.7 dt 1 lc rgb '#009e73'
set label '' at screen 0.7947, screen 0.5008 point pt 7 ps 0.75 lc rgb '#009e73'
set label 'deltanet  {/:Italic T}^{0.97}' at screen 0.8211, screen 0.5008 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 231775909 to screen 0.7739, screen 0.5008 nohead lw 0.5 lc rgb '#009e73' back
set arrow from screen 0.7767, screen 0.5327 to screen 0.8128, screen 0.5327 nohead lw 1.7 dt 1 lc rgb '#9467bd'
set label '' at screen 0.7947, screen 0.5327 point pt 11 ps 0.75 lc rgb '#9467bd'
set label 'gla  {/:Italic T}^{1.03}' at screen 0.8211, screen 0.5327 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 248610451 to screen 0.7739, screen 0.5327 nohead lw 0.5 lc rgb '#9467bd' back
set arrow from screen 0.7767, screen 0.5646 to screen 0.8128, screen 0.5646 nohead lw 1.7 dt 1 lc rgb '#6cbf1f'
set label '' at screen 0.7947, screen 0.5646 point pt 5 ps 0.75 lc rgb '#6cbf1f'
set label 'gated\_deltanet  {/:Italic T}^{0.98}' at screen 0.8211, screen 0.5646 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 279229266 to screen 0.7739, screen 0.5646 nohead lw 0.5 lc rgb '#6cbf1f' back
set arrow from screen 0.7767, screen 0.5965 to screen 0.8128, screen 0.5965 nohead lw 1.7 dt 1 lc rgb '#e7298a'
set label '' at screen 0.7947, screen 0.5965 point pt 15 ps 0.75 lc rgb '#e7298a'
set label 'ttt\_linear  {/:Italic T}^{1.00}' at screen 0.8211, screen 0.5965 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 319503431 to screen 0.7739, screen 0.5965 nohead lw 0.5 lc rgb '#e7298a' back
set arrow from screen 0.7767, screen 0.6284 to screen 0.8128, screen 0.6284 nohead lw 1.7 dt 1 lc rgb '#00bcd4'
set label '' at screen 0.7947, screen 0.6284 point pt 15 ps 0.75 lc rgb '#00bcd4'
set label 'kda  {/:Italic T}^{0.99}' at screen 0.8211, screen 0.6284 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 327040646 to screen 0.7739, screen 0.6284 nohead lw 0.5 lc rgb '#00bcd4' back
set arrow from screen 0.7767, screen 0.6604 to screen 0.8128, screen 0.6604 nohead lw 1.7 dt 1 lc rgb '#8a8a00'
set label '' at screen 0.7947, screen 0.6604 point pt 5 ps 0.75 lc rgb '#8a8a00'
set label 'rwkv7  {/:Italic T}^{1.00}' at screen 0.8211, screen 0.6604 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 450711967 to screen 0.7739, screen 0.6604 nohead lw 0.5 lc rgb '#8a8a00' back
set arrow from screen 0.7767, screen 0.6923 to screen 0.8128, screen 0.6923 nohead lw 1.7 dt 1 lc rgb '#1f2f8c'
set label '' at screen 0.7947, screen 0.6923 point pt 9 ps 0.75 lc rgb '#1f2f8c'
set label 'local  {/:Italic T}^{0.99}' at screen 0.8211, screen 0.6923 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 512321940 to screen 0.7739, screen 0.6923 nohead lw 0.5 lc rgb '#1f2f8c' back
set arrow from screen 0.7767, screen 0.7242 to screen 0.8128, screen 0.7242 nohead lw 1.7 dt 1 lc rgb '#cc79a7'
set label '' at screen 0.7947, screen 0.7242 point pt 5 ps 0.75 lc rgb '#cc79a7'
set label 'linformer†  {/:Italic T}^{0.97}' at screen 0.8211, screen 0.7242 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 848368579 to screen 0.7739, screen 0.7242 nohead lw 0.5 lc rgb '#cc79a7' back
set arrow from screen 0.7767, screen 0.7561 to screen 0.8128, screen 0.7561 nohead lw 1.7 dt 1 lc rgb '#e69f00'
set label '' at screen 0.7947, screen 0.7561 point pt 11 ps 0.75 lc rgb '#e69f00'
set label 'performer  {/:Italic T}^{0.99}' at screen 0.8211, screen 0.7561 left font ',10' tc rgb '#222222'
set arrow from first 131072, first 1.1067638e+09 to screen 0.7739, screen 0.7561 nohead lw 0.5 lc rgb '#e69f00' back
set arrow from screen 0.7767, screen 0.7880 to screen 0.8128, screen 0.7880 nohead lw 1.7 dt 1 lc rgb '#0072b2'
set label '' at screen 0.7947, screen 0.7880 point pt 7 ps 0.75 lc rgb '#0072b2'
set label 'softmax  {/:Italic T}^{1.95}' at screen 0.8211, screen 0.7880 left font ',10' tc rgb '#222222'
set arrow from screen 0.7767, screen 0.8282 to screen 0.8128, screen 0.8282 nohead lw 1.7 dt 1 lc rgb '#56b4e9'
set label '' at screen 0.7947, screen 0.8282 point pt 5 ps 0.75 lc rgb '#56b4e9'
set label 'flash  {/:Italic T}^{1.98}' at screen 0.8211, screen 0.8282 left font ',10' tc rgb '#222222'
set label 'softmax: OOM at 64k (predicted)' at screen 0.6393, screen 0.8945 right font ',9' tc rgb '#0072b2'
set arrow from graph 0, first 1.86327656e+11 to graph 1, first 1.86327656e+11 nohead dt 3 lw 0.6 lc rgb '#bbbbbb' back

set terminal svg size 720,470 fixed enhanced font 'DejaVu Sans,11' background rgb '#ffffff'
set output 'time_fwdbwd.svg'
plot 'time_fwdbwd.dat' index 0 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#009e73', \
     '' index 0 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 7 lc rgb '#009e73', \
     'time_fwdbwd.dat' index 1 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#56b4e9', \
     '' index 1 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 5 lc rgb '#56b4e9', \
     'time_fwdbwd.dat' index 2 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#000000', \
     '' index 2 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 13 lc rgb '#000000', \
     'time_fwdbwd.dat' index 3 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#6cbf1f', \
     '' index 3 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 5 lc rgb '#6cbf1f', \
     'time_fwdbwd.dat' index 4 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#9467bd', \
     '' index 4 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 11 lc rgb '#9467bd', \
     'time_fwdbwd.dat' index 5 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#00bcd4', \
     '' index 5 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 15 lc rgb '#00bcd4', \
     'time_fwdbwd.dat' index 6 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#d55e00', \
     '' index 6 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 9 lc rgb '#d55e00', \
     'time_fwdbwd.dat' index 7 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#cc79a7', \
     '' index 7 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 5 lc rgb '#cc79a7', \
     'time_fwdbwd.dat' index 8 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#1f2f8c', \
     '' index 8 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 9 lc rgb '#1f2f8c', \
     'time_fwdbwd.dat' index 9 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#b22222', \
     '' index 9 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 13 lc rgb '#b22222', \
     'time_fwdbwd.dat' index 10 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#e69f00', \
     '' index 10 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 11 lc rgb '#e69f00', \
     'time_fwdbwd.dat' index 11 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#8c564b', \
     '' index 11 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 9 lc rgb '#8c564b', \
     'time_fwdbwd.dat' index 12 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#8a8a00', \
     '' index 12 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 5 lc rgb '#8a8a00', \
     'time_fwdbwd.dat' index 13 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#0072b2', \
     '' index 13 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 7 lc rgb '#0072b2', \
     'time_fwdbwd.dat' index 14 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#e7298a', \
     '' index 14 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 15 lc rgb '#e7298a', \
     'time_fwdbwd.dat' index 15 using 1:2 with points pt 2 ps 1.1 lw 1.8 lc rgb '#0072b2'
set terminal pngcairo size 1440,940 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'time_fwdbwd.png'
replot
