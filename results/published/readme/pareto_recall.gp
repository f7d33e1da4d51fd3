# recall: accuracy against time. Made by labench; gnuplot pareto_recall.gp draws it again from pareto_recall.dat.
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
set bmargin at screen 0.1702
set tmargin at screen 0.9149
set label 'recall: accuracy against time' at screen 0.012, screen 0.962 left font ',13' tc rgb '#111111'
set label 'Accuracy beside the time of the variant''s forward call, per token. 64 to 768 answers in 1 to 3 rounds, bars: 95 % Wilson interval. T 32768. Several devices.' at screen 0.012, screen 0.0447 left font ',8' tc rgb '#555555'
set label '† bidirectional, the others causal. Task: pairs 32, keys random, filler null. Sweep a6eba32c of 2026-11-21, labench 0.1.0 (80f32e8).' at screen 0.012, screen 0.0170 left font ',8' tc rgb '#555555'

set logscale x 10
set grid ytics lw 1 lc rgb '#e2e2e2'
set xlabel 'forward time per token'
set ylabel 'accuracy' offset 0.5
set xrange [122.475449:78748.3747]
set yrange [-0.03:1.04]
set xtics ('' 200 1, '' 300 1, '' 400 1, '' 500 1, '' 600 1, '' 700 1, '' 800 1, '' 900 1, '1 µs' 1000, '' 2000 1, '' 3000 1, '' 4000 1, '' 5000 1, '' 6000 1, '' 7000 1, '' 8000 1, '' 9000 1, '10 µs' 10000, '' 20000 1, '' 30000 1, '' 40000 1, '' 50000 1, '' 60000 1, '' 70000 1)
set ytics ('0' 0, '0.2' 0.2, '0.4' 0.4, '0.6' 0.6, '0.8' 0.8, '1' 1)

set arrow from graph 0, first 0.00390625 to graph 1, first 0.00390625 nohead dt 2 lw 0.8 lc rgb '#999999' back
set label 'chance 0.004' at graph 0.50, first 0.00390625 left offset 0, char 0.45 font ',9' tc rgb '#777777'
set label 'softmax' at screen 0.8656, screen 0.8871 left font ',10' tc rgb '#56b4e9'
set label 'deltanet' at screen 0.1765, screen 0.8852 left font ',10' tc rgb '#009e73'
set label 'flash' at screen 0.7153, screen 0.8871 left font ',10' tc rgb '#0072b2'
set label 'gated\_deltanet' at screen 0.1709, screen 0.8324 left font ',10' tc rgb '#66c2a5'
set label 'linear' at screen 0.1512, screen 0.2174 left font ',10' tc rgb '#d55e00'
set label 'linformer†' at screen 0.3547, screen 0.2065 left font ',10' tc rgb '#cc79a7'
set label 'performer' at screen 0.3901, screen 0.4539 left font ',10' tc rgb '#e69f00'

set terminal svg size 720,470 fixed enhanced font 'DejaVu Sans,11' background rgb '#ffffff'
set output 'pareto_recall.svg'
plot 'pareto_recall.dat' index 7 using 1:2 with steps lw 1 dt 3 lc rgb '#999999', \
     'pareto_recall.dat' index 0 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#009e73', \
     '' index 0 using 1:2 with linespoints lw 1.7 dt 1 pt 15 ps 0.75 lc rgb '#009e73', \
     'pareto_recall.dat' index 1 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#0072b2', \
     '' index 1 using 1:2 with linespoints lw 1.7 dt 1 pt 7 ps 0.75 lc rgb '#0072b2', \
     'pareto_recall.dat' index 2 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#66c2a5', \
     '' index 2 using 1:2 with linespoints lw 1.7 dt 2 pt 7 ps 0.75 lc rgb '#66c2a5', \
     'pareto_recall.dat' index 3 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#d55e00', \
     '' index 3 using 1:2 with linespoints lw 1.7 dt 1 pt 9 ps 0.75 lc rgb '#d55e00', \
     'pareto_recall.dat' index 4 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#cc79a7', \
     '' index 4 using 1:2 with linespoints lw 1.7 dt 1 pt 5 ps 0.75 lc rgb '#cc79a7', \
     'pareto_recall.dat' index 5 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#e69f00', \
     '' index 5 using 1:2 with linespoints lw 1.7 dt 2 pt 11 ps 0.75 lc rgb '#e69f00', \
     'pareto_recall.dat' index 6 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#56b4e9', \
     '' index 6 using 1:2 with linespoints lw 1.7 dt 2 pt 5 ps 0.75 lc rgb '#56b4e9'
set terminal pngcairo size 1440,940 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'pareto_recall.png'
replot
