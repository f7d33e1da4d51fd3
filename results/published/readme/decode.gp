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
set rmargin at screen 0.7961
set bmargin at screen 0.1702
set tmargin at screen 0.9149
set label 'Decode time per token' at screen 0.012, screen 0.962 left font ',13' tc rgb '#111111'
set label 'Time of one token after T - 1 others. Median of 480 to 2560 calls in 3 rounds, bars: 95 % interval. AMD EPYC, 2 threads, f32, B 1, H 2, d 64, caches hot.' at screen 0.012, screen 0.0447 left font ',8' tc rgb '#555555'
set label '† bidirectional, the others causal. Not defined for fnet, linformer. Sweep a6eba32c of 2026-11-21, labench 0.1.0 (80f32e8).' at screen 0.012, screen 0.0170 left font ',8' tc rgb '#555555'

set logscale x 2
set logscale y 10
set grid ytics lw 1 lc rgb '#e2e2e2'
set xlabel 'tokens in the state or cache'
set ylabel 'time of one decoded token' offset 0.5
set xrange [885.286125:151609.434]
set yrange [348.561029:8020959.94]
set xtics ('1k' 1024, '2k' 2048, '4k' 4096, '8k' 8192, '16k' 16384, '32k' 32768, '64k' 65536, '128k' 131072)
set ytics ('' 400 1, '' 500 1, '' 600 1, '' 700 1, '' 800 1, '' 900 1, '1 µs' 1000, '' 2000 1, '' 3000 1, '' 4000 1, '' 5000 1, '' 6000 1, '' 7000 1, '' 8000 1, '' 9000 1, '10 µs' 10000, '' 20000 1, '' 30000 1, '' 40000 1, '' 50000 1, '' 60000 1, '' 70000 1, '' 80000 1, '' 90000 1, '100 µs' 100000, '' 200000 1, '' 300000 1, '' 400000 1, '' 500000 1, '' 600000 1, '' 700000 1, '' 800000 1, '' 900000 1, '1 ms' 1000000, '' 2000000 1, '' 3000000 1, '' 4000000 1, '' 5000000 1, '' 6000000 1, '' 7000000 1, '' 8000000 1)

set label 'linear  {/:Italic T}^{0.01}' at screen 0.8156, screen 0.1897 left font ',10' tc rgb '#d55e00'
set arrow from first 131072, first 637.37037 to screen 0.8114, screen 0.1897 nohead lw 0.5 lc rgb '#d55e00' back
set label 'gated\_deltanet  {/:Italic T}^{0.01}' at screen 0.8156, screen 0.2216 left font ',10' tc rgb '#66c2a5'
set label 'deltanet  {/:Italic T}^{0.02}' at screen 0.8156, screen 0.2535 left font ',10' tc rgb '#009e73'
set arrow from first 131072, first 741.714829 to screen 0.8114, screen 0.2535 nohead lw 0.5 lc rgb '#009e73' back
set label 'performer  {/:Italic T}^{0.00}' at screen 0.8156, screen 0.3542 left font ',10' tc rgb '#e69f00'
set label 'softmax  {/:Italic T}^{1.63}' at screen 0.8156, screen 0.8464 left font ',10' tc rgb '#56b4e9'
set arrow from first 131072, first 3932866 to screen 0.8114, screen 0.8464 nohead lw 0.5 lc rgb '#56b4e9' back
set label 'flash  {/:Italic T}^{1.62}' at screen 0.8156, screen 0.8783 left font ',10' tc rgb '#0072b2'
set arrow from first 131072, first 3962945.5 to screen 0.8114, screen 0.8783 nohead lw 0.5 lc rgb '#0072b2' back

set terminal svg size 720,470 fixed enhanced font 'DejaVu Sans,11' background rgb '#ffffff'
set output 'decode.svg'
plot 'decode.dat' index 0 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#009e73', \
     '' index 0 using 1:2 with linespoints lw 1.7 dt 1 pt 15 ps 0.75 lc rgb '#009e73', \
     'decode.dat' index 1 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#0072b2', \
     '' index 1 using 1:2 with linespoints lw 1.7 dt 1 pt 7 ps 0.75 lc rgb '#0072b2', \
     'decode.dat' index 2 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#000000', \
     '' index 2 using 1:2 with linespoints lw 1.7 dt 1 pt 13 ps 0.75 lc rgb '#000000', \
     'decode.dat' index 3 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#66c2a5', \
     '' index 3 using 1:2 with linespoints lw 1.7 dt 2 pt 7 ps 0.75 lc rgb '#66c2a5', \
     'decode.dat' index 4 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#d55e00', \
     '' index 4 using 1:2 with linespoints lw 1.7 dt 1 pt 9 ps 0.75 lc rgb '#d55e00', \
     'decode.dat' index 5 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#cc79a7', \
     '' index 5 using 1:2 with linespoints lw 1.7 dt 1 pt 5 ps 0.75 lc rgb '#cc79a7', \
     'decode.dat' index 6 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#e69f00', \
     '' index 6 using 1:2 with linespoints lw 1.7 dt 2 pt 11 ps 0.75 lc rgb '#e69f00', \
     'decode.dat' index 7 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#56b4e9', \
     '' index 7 using 1:2 with linespoints lw 1.7 dt 2 pt 5 ps 0.75 lc rgb '#56b4e9'
set terminal pngcairo size 1440,940 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'decode.png'
replot
