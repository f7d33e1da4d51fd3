# Recall accuracy. Made by labench; gnuplot accuracy.gp draws it again from accuracy.dat.
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
set rmargin at screen 0.7614
set bmargin at screen 0.1702
set tmargin at screen 0.9149
set label 'Recall accuracy' at screen 0.012, screen 0.9617 left font ',13' tc rgb '#111111'
set label 'Stored pairs looked up again after T tokens. 256 answers in 1 round, bars: 95 % Wilson interval. Intel(R) Xeon(R) Processor, 2 threads, f32, B 1, H 2, d 64,' at screen 0.012, screen 0.0447 left font ',8' tc rgb '#555555'
set label 'caches hot, causal. Task: pairs 8, keys random, filler random. Sweep 88dba5dc of 2026-11-23, labench 0.1.0 (e6b9c65).' at screen 0.012, screen 0.0170 left font ',8' tc rgb '#555555'

set logscale x 2
set grid ytics lw 1 lc rgb '#e2e2e2'
set xlabel 'sequence length T (tokens)'
set ylabel 'recall accuracy' offset 0.5
set xrange [28.2464959:2320.1462]
set yrange [-0.03:1.04]
set xtics ('32' 32, '64' 64, '128' 128, '256' 256, '512' 512, '1k' 1024, '2k' 2048)
set ytics ('0' 0, '0.2' 0.2, '0.4' 0.4, '0.6' 0.6, '0.8' 0.8, '1' 1)

set arrow from graph 0, first 0.00390625 to graph 1, first 0.00390625 nohead dt 2 lw 0.8 lc rgb '#999999' back
set label 'chance 0.004' at graph 0.01, first 0.00390625 left offset 0, char 0.45 font ',9' tc rgb '#777777'
set arrow from screen 0.7836, screen 0.1787 to screen 0.8197, screen 0.1787 nohead lw 1.7 dt 1 lc rgb '#8c564b'
set label '' at screen 0.8017, screen 0.1787 point pt 9 ps 0.75 lc rgb '#8c564b'
set label 'retnet' at screen 0.8281, screen 0.1787 left font ',10' tc rgb '#222222'
set arrow from first 2117, first 0 to screen 0.7808, screen 0.1787 nohead lw 0.5 lc rgb '#8c564b' back
set arrow from screen 0.7836, screen 0.2106 to screen 0.8197, screen 0.2106 nohead lw 1.7 dt 1 lc rgb '#009e73'
set label '' at screen 0.8017, screen 0.2106 point pt 7 ps 0.75 lc rgb '#009e73'
set label 'deltanet' at screen 0.8281, screen 0.2106 left font ',10' tc rgb '#222222'
set arrow from first 1938, first 0.0078125 to screen 0.7808, screen 0.2106 nohead lw 0.5 lc rgb '#009e73' back
set arrow from screen 0.7836, screen 0.2426 to screen 0.8197, screen 0.2426 nohead lw 1.7 dt 1 lc rgb '#d55e00'
set label '' at screen 0.8017, screen 0.2426 point pt 9 ps 0.75 lc rgb '#d55e00'
set label 'linear map elu' at screen 0.8281, screen 0.2426 left font ',10' tc rgb '#222222'
set arrow from first 1981, first 0.0078125 to screen 0.7808, screen 0.2426 nohead lw 0.5 lc rgb '#d55e00' back
set arrow from screen 0.7836, screen 0.2745 to screen 0.8197, screen 0.2745 nohead lw 1.7 dt 1 lc rgb '#e69f00'
set label '' at screen 0.8017, screen 0.2745 point pt 11 ps 0.75 lc rgb '#e69f00'
set label 'performer' at screen 0.8281, screen 0.2745 left font ',10' tc rgb '#222222'
set arrow from first 2071, first 0.01953125 to screen 0.7808, screen 0.2745 nohead lw 0.5 lc rgb '#e69f00' back
set arrow from screen 0.7836, screen 0.3064 to screen 0.8197, screen 0.3064 nohead lw 1.7 dt 2 lc rgb '#d55e00'
set label '' at screen 0.8017, screen 0.3064 point pt 11 ps 0.75 lc rgb '#d55e00'
set label 'linear map identity' at screen 0.8281, screen 0.3064 left font ',10' tc rgb '#222222'
set arrow from first 2025, first 0.125 to screen 0.7808, screen 0.3064 nohead lw 0.5 lc rgb '#d55e00' back
set arrow from screen 0.7836, screen 0.8871 to screen 0.8197, screen 0.8871 nohead lw 1.7 dt 1 lc rgb '#0072b2'
set label '' at screen 0.8017, screen 0.8871 point pt 7 ps 0.75 lc rgb '#0072b2'
set label 'softmax' at screen 0.8281, screen 0.8871 left font ',10' tc rgb '#222222'

set terminal svg size 720,470 fixed enhanced font 'DejaVu Sans,11' background rgb '#ffffff'
set output 'accuracy.svg'
plot 'accuracy.dat' index 0 using ($1*0.94611):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#009e73', \
     '' index 0 using ($1*0.94611):2 with linespoints lw 1.7 dt 1 ps 0.75 pt 7 lc rgb '#009e73', \
     'accuracy.dat' index 1 using ($1*0.96731):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#d55e00', \
     '' index 1 using ($1*0.96731):2 with linespoints lw 1.7 dt 1 ps 0.75 pt 9 lc rgb '#d55e00', \
     'accuracy.dat' index 2 using ($1*0.98898):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#d55e00', \
     '' index 2 using ($1*0.98898):2 with linespoints lw 1.7 dt 2 ps 0.75 pt 11 lc rgb '#d55e00', \
     'accuracy.dat' index 3 using ($1*1.01114):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#e69f00', \
     '' index 3 using ($1*1.01114):2 with linespoints lw 1.7 dt 1 ps 0.75 pt 11 lc rgb '#e69f00', \
     'accuracy.dat' index 4 using ($1*1.03380):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#8c564b', \
     '' index 4 using ($1*1.03380):2 with linespoints lw 1.7 dt 1 ps 0.75 pt 9 lc rgb '#8c564b', \
     'accuracy.dat' index 5 using ($1*1.05696):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#0072b2', \
     '' index 5 using ($1*1.05696):2 with linespoints lw 1.7 dt 1 ps 0.75 pt 7 lc rgb '#0072b2'
set terminal pngcairo size 1440,940 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'accuracy.png'
replot
