# mqar: accuracy against state. Made by labench; gnuplot pareto_state_mqar.gp draws it again from pareto_state_mqar.dat.
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
set bmargin at screen 0.1979
set tmargin at screen 0.9149
set label 'mqar: accuracy against state' at screen 0.012, screen 0.9617 left font ',13' tc rgb '#111111'
set label 'Accuracy beside the bytes that a sequence carries from token to token. 64 answers in 1 seed, bars: 95 % Wilson interval. T 32k. All causal. Task: vocab 512,' at screen 0.012, screen 0.0723 left font ',8' tc rgb '#555555'
set label 'noise 32, filler noise, a 0.01, eval\_a 1, eval\_spread auto. Model: controlled, blocks 2, d 64. Trained: T 64/128/256, steps 600, tokens a step 4096, rate 0.01.' at screen 0.012, screen 0.0447 left font ',8' tc rgb '#555555'
set label 'Sweep 3c985191 of 2026-11-22, labench 0.1.0 (27246ba).' at screen 0.012, screen 0.0170 left font ',8' tc rgb '#555555'

set logscale x 2
set grid ytics lw 1 lc rgb '#e2e2e2'
set xlabel 'state of one sequence'
set ylabel 'accuracy' offset 0.5
set xrange [13034.0697:42178369.8]
set yrange [-0.03:1.04]
set xtics ('16 KiB' 16384, '64 KiB' 65536, '256 KiB' 262144, '1 MiB' 1048576, '4 MiB' 4194304, '16 MiB' 16777216)
set ytics ('0' 0, '0.2' 0.2, '0.4' 0.4, '0.6' 0.6, '0.8' 0.8, '1' 1)

set arrow from graph 0, first 0.00390625 to graph 1, first 0.00390625 nohead dt 2 lw 0.8 lc rgb '#999999' back
set label 'chance 0.004' at graph 0.25, first 0.00390625 left offset 0, char 0.45 font ',9' tc rgb '#777777'
set label '' at screen 0.8447, screen 0.2064 point pt 9 ps 0.75 lc rgb '#1f2f8c'
set label 'local' at screen 0.8711, screen 0.2064 left font ',10' tc rgb '#222222'
set label '' at screen 0.8447, screen 0.2383 point pt 9 ps 0.75 lc rgb '#8c564b'
set label 'retnet' at screen 0.8711, screen 0.2383 left font ',10' tc rgb '#222222'
set label '' at screen 0.8447, screen 0.2702 point pt 9 ps 0.75 lc rgb '#d55e00'
set label 'linear' at screen 0.8711, screen 0.2702 left font ',10' tc rgb '#222222'
set label '' at screen 0.8447, screen 0.3021 point pt 5 ps 0.75 lc rgb '#8a8a00'
set label 'rwkv7' at screen 0.8711, screen 0.3021 left font ',10' tc rgb '#222222'
set label '' at screen 0.8447, screen 0.3340 point pt 13 ps 0.75 lc rgb '#b22222'
set label 'mamba2' at screen 0.8711, screen 0.3340 left font ',10' tc rgb '#222222'
set label '' at screen 0.8447, screen 0.3660 point pt 11 ps 0.75 lc rgb '#9467bd'
set label 'gla' at screen 0.8711, screen 0.3660 left font ',10' tc rgb '#222222'
set label '' at screen 0.8447, screen 0.3979 point pt 15 ps 0.75 lc rgb '#00bcd4'
set label 'kda' at screen 0.8711, screen 0.3979 left font ',10' tc rgb '#222222'
set label '' at screen 0.8447, screen 0.4298 point pt 7 ps 0.75 lc rgb '#009e73'
set label 'deltanet' at screen 0.8711, screen 0.4298 left font ',10' tc rgb '#222222'
set label '' at screen 0.8447, screen 0.4617 point pt 5 ps 0.75 lc rgb '#6cbf1f'
set label 'gated\_deltanet' at screen 0.8711, screen 0.4617 left font ',10' tc rgb '#222222'
set label '' at screen 0.8447, screen 0.7729 point pt 11 ps 0.75 lc rgb '#e69f00'
set label 'performer' at screen 0.8711, screen 0.7729 left font ',10' tc rgb '#222222'
set label '' at screen 0.8447, screen 0.8357 point pt 15 ps 0.75 lc rgb '#e7298a'
set label 'ttt\_linear' at screen 0.8711, screen 0.8357 left font ',10' tc rgb '#222222'
set label '' at screen 0.8447, screen 0.8721 point pt 5 ps 0.75 lc rgb '#56b4e9'
set label 'flash' at screen 0.8711, screen 0.8721 left font ',10' tc rgb '#222222'
set label '' at screen 0.8447, screen 0.9040 point pt 7 ps 0.75 lc rgb '#0072b2'
set label 'softmax' at screen 0.8711, screen 0.9040 left font ',10' tc rgb '#222222'

set terminal svg size 720,470 fixed enhanced font 'DejaVu Sans,11' background rgb '#ffffff'
set output 'pareto_state_mqar.svg'
plot 'pareto_state_mqar.dat' index 13 using 1:2 with steps lw 1 dt 3 lc rgb '#999999', \
     'pareto_state_mqar.dat' index 0 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#009e73', \
     '' index 0 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 7 lc rgb '#009e73', \
     'pareto_state_mqar.dat' index 1 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#56b4e9', \
     '' index 1 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 5 lc rgb '#56b4e9', \
     'pareto_state_mqar.dat' index 2 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#6cbf1f', \
     '' index 2 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 5 lc rgb '#6cbf1f', \
     'pareto_state_mqar.dat' index 3 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#9467bd', \
     '' index 3 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 11 lc rgb '#9467bd', \
     'pareto_state_mqar.dat' index 4 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#00bcd4', \
     '' index 4 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 15 lc rgb '#00bcd4', \
     'pareto_state_mqar.dat' index 5 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#d55e00', \
     '' index 5 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 9 lc rgb '#d55e00', \
     'pareto_state_mqar.dat' index 6 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#1f2f8c', \
     '' index 6 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 9 lc rgb '#1f2f8c', \
     'pareto_state_mqar.dat' index 7 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#b22222', \
     '' index 7 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 13 lc rgb '#b22222', \
     'pareto_state_mqar.dat' index 8 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#e69f00', \
     '' index 8 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 11 lc rgb '#e69f00', \
     'pareto_state_mqar.dat' index 9 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#8c564b', \
     '' index 9 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 9 lc rgb '#8c564b', \
     'pareto_state_mqar.dat' index 10 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#8a8a00', \
     '' index 10 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 5 lc rgb '#8a8a00', \
     'pareto_state_mqar.dat' index 11 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#0072b2', \
     '' index 11 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 7 lc rgb '#0072b2', \
     'pareto_state_mqar.dat' index 12 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#e7298a', \
     '' index 12 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 15 lc rgb '#e7298a'
set terminal pngcairo size 1440,940 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'pareto_state_mqar.png'
replot
