# fwdbwd: time beside labench's best. Made by labench; gnuplot speedup_fwdbwd.gp draws it again from speedup_fwdbwd.dat.
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
set rmargin at screen 0.7011
set bmargin at screen 0.1702
set tmargin at screen 0.9149
set label 'fwdbwd: time beside labench''s best' at screen 0.012, screen 0.9617 left font ',13' tc rgb '#111111'
set label 'Median time over that of labench''s best impl of the same variant: above 1 labench is faster. Median of 3 to 153 calls in 1 to 3 rounds, bars: 95 % interval' at screen 0.012, screen 0.0447 left font ',8' tc rgb '#555555'
set label '(none below 6 calls). AMD EPYC, 2 threads, f32, B 1, H 2, d 64, caches hot, causal. Sweep eaec9dbe of 2026-11-21, labench 0.1.0 (bfc184c).' at screen 0.012, screen 0.0170 left font ',8' tc rgb '#555555'

set logscale x 2
set logscale y 10
set grid ytics lw 1 lc rgb '#e2e2e2'
set xlabel 'sequence length T (tokens)'
set ylabel 'time over that of the best of labench' offset 0.5
set xrange [942.272154:17805.064]
set yrange [0.787655859:67.8247753]
set xtics ('1k' 1024, '2k' 2048, '4k' 4096, '8k' 8192, '16k' 16384)
set ytics ('' 0.8 1, '' 0.9 1, '1' 1, '' 2 1, '' 3 1, '' 4 1, '' 5 1, '' 6 1, '' 7 1, '' 8 1, '' 9 1, '10' 10, '' 20 1, '' 30 1, '' 40 1, '' 50 1, '' 60 1)

set arrow from graph 0, first 1 to graph 1, first 1 nohead dt 2 lw 0.8 lc rgb '#999999' back
set label 'the best of labench' at graph 0.01, first 1 left offset 0, char 0.45 font ',9' tc rgb '#777777'
set arrow from screen 0.7233, screen 0.4770 to screen 0.7594, screen 0.4770 nohead lw 1.7 dt 2 lc rgb '#56b4e9'
set label '' at screen 0.7414, screen 0.4770 point pt 5 ps 0.75 lc rgb '#56b4e9'
set label 'flash torch\_flash' at screen 0.7678, screen 0.4770 left font ',10' tc rgb '#222222'
set arrow from screen 0.7233, screen 0.7288 to screen 0.7594, screen 0.7288 nohead lw 1.7 dt 2 lc rgb '#6cbf1f'
set label '' at screen 0.7414, screen 0.7288 point pt 5 ps 0.75 lc rgb '#6cbf1f'
set label 'gated\_deltanet torch\_chunk' at screen 0.7678, screen 0.7288 left font ',10' tc rgb '#222222'

set terminal svg size 720,470 fixed enhanced font 'DejaVu Sans,11' background rgb '#ffffff'
set output 'speedup_fwdbwd.svg'
plot 'speedup_fwdbwd.dat' index 0 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#56b4e9', \
     '' index 0 using 1:2 with linespoints lw 1.7 dt 2 pt 5 ps 0.75 lc rgb '#56b4e9', \
     'speedup_fwdbwd.dat' index 1 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#6cbf1f', \
     '' index 1 using 1:2 with linespoints lw 1.7 dt 2 pt 5 ps 0.75 lc rgb '#6cbf1f'
set terminal pngcairo size 1440,940 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'speedup_fwdbwd.png'
replot
