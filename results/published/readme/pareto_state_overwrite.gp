# overwrite: accuracy against state. Made by labench; gnuplot pareto_state_overwrite.gp draws it again from pareto_state_overwrite.dat.
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
set rmargin at screen 0.8461
set bmargin at screen 0.1979
set tmargin at screen 0.9149
set label 'overwrite: accuracy against state' at screen 0.012, screen 0.962 left font ',13' tc rgb '#111111'
set label 'Accuracy beside the bytes that a sequence carries from token to token. 128 answers in 1 seed, bars: 95 % Wilson interval. T 32768. All causal. Task: vocab 512,' at screen 0.012, screen 0.0723 left font ',8' tc rgb '#555555'
set label 'noise 32, filler noise, eval\_pairs 16, a 0.01, eval\_a 1, updates 0.5. Model: controlled, blocks 2, d 64. Trained: T 64/128/256, steps 600, tokens a step 4096,' at screen 0.012, screen 0.0447 left font ',8' tc rgb '#555555'
set label 'rate 0.01. Sweep a6eba32c of 2026-11-21, labench 0.1.0 (80f32e8).' at screen 0.012, screen 0.0170 left font ',8' tc rgb '#555555'

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
set label 'softmax' at screen 0.8656, screen 0.4169 left font ',10' tc rgb '#56b4e9'
set label 'flash' at screen 0.8656, screen 0.4797 left font ',10' tc rgb '#0072b2'
set label 'deltanet' at screen 0.1512, screen 0.4012 left font ',10' tc rgb '#009e73'
set label 'gated\_deltanet' at screen 0.1512, screen 0.3227 left font ',10' tc rgb '#66c2a5'
set label 'linear' at screen 0.1540, screen 0.2232 left font ',10' tc rgb '#d55e00'
set label 'performer' at screen 0.2192, screen 0.6787 left font ',10' tc rgb '#e69f00'

set terminal svg size 720,470 fixed enhanced font 'DejaVu Sans,11' background rgb '#ffffff'
set output 'pareto_state_overwrite.svg'
plot 'pareto_state_overwrite.dat' index 6 using 1:2 with steps lw 1 dt 3 lc rgb '#999999', \
     'pareto_state_overwrite.dat' index 0 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#009e73', \
     '' index 0 using 1:2 with linespoints lw 1.7 dt 1 pt 15 ps 0.75 lc rgb '#009e73', \
     'pareto_state_overwrite.dat' index 1 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#0072b2', \
     '' index 1 using 1:2 with linespoints lw 1.7 dt 1 pt 7 ps 0.75 lc rgb '#0072b2', \
     'pareto_state_overwrite.dat' index 2 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#66c2a5', \
     '' index 2 using 1:2 with linespoints lw 1.7 dt 2 pt 7 ps 0.75 lc rgb '#66c2a5', \
     'pareto_state_overwrite.dat' index 3 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#d55e00', \
     '' index 3 using 1:2 with linespoints lw 1.7 dt 1 pt 9 ps 0.75 lc rgb '#d55e00', \
     'pareto_state_overwrite.dat' index 4 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#e69f00', \
     '' index 4 using 1:2 with linespoints lw 1.7 dt 2 pt 11 ps 0.75 lc rgb '#e69f00', \
     'pareto_state_overwrite.dat' index 5 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#56b4e9', \
     '' index 5 using 1:2 with linespoints lw 1.7 dt 2 pt 5 ps 0.75 lc rgb '#56b4e9'
set terminal pngcairo size 1440,940 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'pareto_state_overwrite.png'
replot
