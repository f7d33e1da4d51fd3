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
set rmargin at screen 0.6511
set bmargin at screen 0.1702
set tmargin at screen 0.9149
set label 'Time of forward and backward' at screen 0.012, screen 0.9617 left font ',13' tc rgb '#111111'
set label 'Time of one forward call that saves what its backward needs, and the backward. Median of 3 to 2101 calls in 1 to 3 rounds, bars: 95 % interval (none below 6' at screen 0.012, screen 0.0447 left font ',8' tc rgb '#555555'
set label 'calls). AMD EPYC, 2 threads, f32, B 1, H 2, d 64, caches hot, causal. Sweep eaec9dbe of 2026-11-21, labench 0.1.0 (bfc184c).' at screen 0.012, screen 0.0170 left font ',8' tc rgb '#555555'

set logscale x 2
set logscale y 10
set grid ytics lw 1 lc rgb '#e2e2e2'
set xlabel 'sequence length T (tokens)'
set ylabel 'time of forward and backward' offset 0.5
set xrange [942.272154:17805.064]
set yrange [425589.64:5.05345588e+09]
set xtics ('1k' 1024, '2k' 2048, '4k' 4096, '8k' 8192, '16k' 16384)
set ytics ('' 500000 1, '' 600000 1, '' 700000 1, '' 800000 1, '' 900000 1, '1 ms' 1000000, '' 2000000 1, '' 3000000 1, '' 4000000 1, '' 5000000 1, '' 6000000 1, '' 7000000 1, '' 8000000 1, '' 9000000 1, '10 ms' 10000000, '' 20000000 1, '' 30000000 1, '' 40000000 1, '' 50000000 1, '' 60000000 1, '' 70000000 1, '' 80000000 1, '' 90000000 1, '100 ms' 100000000, '' 200000000 1, '' 300000000 1, '' 400000000 1, '' 500000000 1, '' 600000000 1, '' 700000000 1, '' 800000000 1, '' 900000000 1, '1 s' 1e+09, '' 2e+09 1, '' 3e+09 1, '' 4e+09 1, '' 5e+09 1)

set arrow from first 942.272154, first 513432.075 to first 17805.064, first 9701752.21 nohead dt 3 lw 1 lc rgb '#aaaaaa' back
set label '{/:Italic T}' at first 14494.3197, first 7897769.88 right offset char -0.3, char 0.5 font ',9' tc rgb '#999999' back
set arrow from first 942.272154, first 513432.075 to first 17805.064, first 183323171 nohead dt 3 lw 1 lc rgb '#aaaaaa' back
set label '{/:Italic T}^2' at first 14494.3197, first 121485922 right offset char -0.3, char 0.5 font ',9' tc rgb '#999999' back
set arrow from screen 0.6733, screen 0.4421 to screen 0.7094, screen 0.4421 nohead lw 1.7 dt 1 lc rgb '#6cbf1f'
set label '' at screen 0.6914, screen 0.4421 point pt 5 ps 0.75 lc rgb '#6cbf1f'
set label 'gated\_deltanet chunk  {/:Italic T}^{1.05}' at screen 0.7178, screen 0.4421 left font ',10' tc rgb '#222222'
set arrow from screen 0.6733, screen 0.6885 to screen 0.7094, screen 0.6885 nohead lw 1.7 dt 2 lc rgb '#6cbf1f'
set label '' at screen 0.6914, screen 0.6885 point pt 5 ps 0.75 lc rgb '#6cbf1f'
set label 'gated\_deltanet torch\_chunk  {/:Italic T}^{1.00}' at screen 0.7178, screen 0.6885 left font ',10' tc rgb '#222222'
set arrow from screen 0.6733, screen 0.7483 to screen 0.7094, screen 0.7483 nohead lw 1.7 dt 1 lc rgb '#56b4e9'
set label '' at screen 0.6914, screen 0.7483 point pt 5 ps 0.75 lc rgb '#56b4e9'
set label 'flash tiled  {/:Italic T}^{1.97}' at screen 0.7178, screen 0.7483 left font ',10' tc rgb '#222222'
set arrow from screen 0.6733, screen 0.8750 to screen 0.7094, screen 0.8750 nohead lw 1.7 dt 2 lc rgb '#56b4e9'
set label '' at screen 0.6914, screen 0.8750 point pt 5 ps 0.75 lc rgb '#56b4e9'
set label 'flash torch\_flash  {/:Italic T}^{1.87}' at screen 0.7178, screen 0.8750 left font ',10' tc rgb '#222222'

set terminal svg size 720,470 fixed enhanced font 'DejaVu Sans,11' background rgb '#ffffff'
set output 'time_fwdbwd.svg'
plot 'time_fwdbwd.dat' index 0 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#56b4e9', \
     '' index 0 using 1:2 with linespoints lw 1.7 dt 1 pt 5 ps 0.75 lc rgb '#56b4e9', \
     'time_fwdbwd.dat' index 1 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#56b4e9', \
     '' index 1 using 1:2 with linespoints lw 1.7 dt 2 pt 5 ps 0.75 lc rgb '#56b4e9', \
     'time_fwdbwd.dat' index 2 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#6cbf1f', \
     '' index 2 using 1:2 with linespoints lw 1.7 dt 1 pt 5 ps 0.75 lc rgb '#6cbf1f', \
     'time_fwdbwd.dat' index 3 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#6cbf1f', \
     '' index 3 using 1:2 with linespoints lw 1.7 dt 2 pt 5 ps 0.75 lc rgb '#6cbf1f'
set terminal pngcairo size 1440,940 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'time_fwdbwd.png'
replot
