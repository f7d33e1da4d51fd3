# mqar: accuracy of trained models. Made by labench; gnuplot accuracy_mqar.gp draws it again from accuracy_mqar.dat.
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
set label 'mqar: accuracy of trained models' at screen 0.012, screen 0.9617 left font ',13' tc rgb '#111111'
set label 'A small model with each variant, asked at every length. 64 to 2048 answers in 1 seed, bars: 95 % Wilson interval. † bidirectional, the others causal. Task:' at screen 0.012, screen 0.0723 left font ',8' tc rgb '#555555'
set label 'vocab 512, noise 32, filler noise, a 0.01, eval\_a 1, eval\_spread auto. Model: controlled, blocks 2, d 64. Trained: T 64/128/256, steps 600, tokens a step 4096,' at screen 0.012, screen 0.0447 left font ',8' tc rgb '#555555'
set label 'rate 0.01. Not defined for linformer. Sweep 3c985191 of 2026-11-22, labench 0.1.0 (27246ba).' at screen 0.012, screen 0.0170 left font ',8' tc rgb '#555555'

set logscale x 2
set grid ytics lw 1 lc rgb '#e2e2e2'
set xlabel 'sequence length T (tokens)'
set ylabel 'accuracy' offset 0.5
set xrange [885.286125:151609.434]
set yrange [-0.03:1.12204473]
set xtics ('1k' 1024, '2k' 2048, '4k' 4096, '8k' 8192, '16k' 16384, '32k' 32768, '64k' 65536, '128k' 131072)
set ytics ('0' 0, '0.2' 0.2, '0.4' 0.4, '0.6' 0.6, '0.8' 0.8, '1' 1)

set arrow from graph 0, first 0.00390625 to graph 1, first 0.00390625 nohead dt 2 lw 0.8 lc rgb '#999999' back
set label 'chance 0.004' at graph 0.01, first 0.00390625 left offset 0, char 0.45 font ',9' tc rgb '#777777'
set arrow from screen 0.8267, screen 0.2064 to screen 0.8628, screen 0.2064 nohead lw 1.7 dt 1 lc rgb '#000000'
set label '' at screen 0.8447, screen 0.2064 point pt 13 ps 0.75 lc rgb '#000000'
set label 'fnet†' at screen 0.8711, screen 0.2064 left font ',10' tc rgb '#222222'
set arrow from first 124871, first 0 to screen 0.8239, screen 0.2064 nohead lw 0.5 lc rgb '#000000' back
set arrow from screen 0.8267, screen 0.2383 to screen 0.8628, screen 0.2383 nohead lw 1.7 dt 1 lc rgb '#d55e00'
set label '' at screen 0.8447, screen 0.2383 point pt 9 ps 0.75 lc rgb '#d55e00'
set label 'linear' at screen 0.8711, screen 0.2383 left font ',10' tc rgb '#222222'
set arrow from first 129808, first 0 to screen 0.8239, screen 0.2383 nohead lw 0.5 lc rgb '#d55e00' back
set arrow from screen 0.8267, screen 0.2702 to screen 0.8628, screen 0.2702 nohead lw 1.7 dt 1 lc rgb '#1f2f8c'
set label '' at screen 0.8447, screen 0.2702 point pt 9 ps 0.75 lc rgb '#1f2f8c'
set label 'local' at screen 0.8711, screen 0.2702 left font ',10' tc rgb '#222222'
set arrow from first 132349, first 0 to screen 0.8239, screen 0.2702 nohead lw 0.5 lc rgb '#1f2f8c' back
set arrow from screen 0.8267, screen 0.3021 to screen 0.8628, screen 0.3021 nohead lw 1.7 dt 1 lc rgb '#00bcd4'
set label '' at screen 0.8447, screen 0.3021 point pt 15 ps 0.75 lc rgb '#00bcd4'
set label 'kda' at screen 0.8711, screen 0.3021 left font ',10' tc rgb '#222222'
set arrow from first 128555, first 0.015625 to screen 0.8239, screen 0.3021 nohead lw 0.5 lc rgb '#00bcd4' back
set arrow from screen 0.8267, screen 0.3340 to screen 0.8628, screen 0.3340 nohead lw 1.7 dt 1 lc rgb '#b22222'
set label '' at screen 0.8447, screen 0.3340 point pt 13 ps 0.75 lc rgb '#b22222'
set label 'mamba2' at screen 0.8711, screen 0.3340 left font ',10' tc rgb '#222222'
set arrow from first 133638, first 0.015625 to screen 0.8239, screen 0.3340 nohead lw 0.5 lc rgb '#b22222' back
set arrow from screen 0.8267, screen 0.3660 to screen 0.8628, screen 0.3660 nohead lw 1.7 dt 1 lc rgb '#8c564b'
set label '' at screen 0.8447, screen 0.3660 point pt 9 ps 0.75 lc rgb '#8c564b'
set label 'retnet' at screen 0.8711, screen 0.3660 left font ',10' tc rgb '#222222'
set arrow from first 136254, first 0.015625 to screen 0.8239, screen 0.3660 nohead lw 0.5 lc rgb '#8c564b' back
set arrow from screen 0.8267, screen 0.3979 to screen 0.8628, screen 0.3979 nohead lw 1.7 dt 1 lc rgb '#8a8a00'
set label '' at screen 0.8447, screen 0.3979 point pt 5 ps 0.75 lc rgb '#8a8a00'
set label 'rwkv7' at screen 0.8711, screen 0.3979 left font ',10' tc rgb '#222222'
set arrow from first 137581, first 0.015625 to screen 0.8239, screen 0.3979 nohead lw 0.5 lc rgb '#8a8a00' back
set arrow from screen 0.8267, screen 0.4298 to screen 0.8628, screen 0.4298 nohead lw 1.7 dt 1 lc rgb '#009e73'
set label '' at screen 0.8447, screen 0.4298 point pt 7 ps 0.75 lc rgb '#009e73'
set label 'deltanet' at screen 0.8711, screen 0.4298 left font ',10' tc rgb '#222222'
set arrow from first 122473, first 0.046875 to screen 0.8239, screen 0.4298 nohead lw 0.5 lc rgb '#009e73' back
set arrow from screen 0.8267, screen 0.4617 to screen 0.8628, screen 0.4617 nohead lw 1.7 dt 1 lc rgb '#9467bd'
set label '' at screen 0.8447, screen 0.4617 point pt 11 ps 0.75 lc rgb '#9467bd'
set label 'gla' at screen 0.8711, screen 0.4617 left font ',10' tc rgb '#222222'
set arrow from first 127315, first 0.046875 to screen 0.8239, screen 0.4617 nohead lw 0.5 lc rgb '#9467bd' back
set arrow from screen 0.8267, screen 0.4936 to screen 0.8628, screen 0.4936 nohead lw 1.7 dt 1 lc rgb '#6cbf1f'
set label '' at screen 0.8447, screen 0.4936 point pt 5 ps 0.75 lc rgb '#6cbf1f'
set label 'gated\_deltanet' at screen 0.8711, screen 0.4936 left font ',10' tc rgb '#222222'
set arrow from first 126087, first 0.09375 to screen 0.8239, screen 0.4936 nohead lw 0.5 lc rgb '#6cbf1f' back
set arrow from screen 0.8267, screen 0.7125 to screen 0.8628, screen 0.7125 nohead lw 1.7 dt 1 lc rgb '#e69f00'
set label '' at screen 0.8447, screen 0.7125 point pt 11 ps 0.75 lc rgb '#e69f00'
set label 'performer' at screen 0.8711, screen 0.7125 left font ',10' tc rgb '#222222'
set arrow from screen 0.8267, screen 0.8005 to screen 0.8628, screen 0.8005 nohead lw 1.7 dt 1 lc rgb '#e7298a'
set label '' at screen 0.8447, screen 0.8005 point pt 15 ps 0.75 lc rgb '#e7298a'
set label 'ttt\_linear' at screen 0.8711, screen 0.8005 left font ',10' tc rgb '#222222'
set arrow from first 140275, first 0.96875 to screen 0.8239, screen 0.8005 nohead lw 0.5 lc rgb '#e7298a' back
set arrow from screen 0.8267, screen 0.8325 to screen 0.8628, screen 0.8325 nohead lw 1.7 dt 1 lc rgb '#56b4e9'
set label '' at screen 0.8447, screen 0.8325 point pt 5 ps 0.75 lc rgb '#56b4e9'
set label 'flash' at screen 0.8711, screen 0.8325 left font ',10' tc rgb '#222222'
set arrow from first 123666, first 1 to screen 0.8239, screen 0.8325 nohead lw 0.5 lc rgb '#56b4e9' back
set arrow from screen 0.8267, screen 0.8644 to screen 0.8628, screen 0.8644 nohead lw 1.7 dt 1 lc rgb '#0072b2'
set label '' at screen 0.8447, screen 0.8644 point pt 7 ps 0.75 lc rgb '#0072b2'
set label 'softmax' at screen 0.8711, screen 0.8644 left font ',10' tc rgb '#222222'
set label 'softmax: OOM at 64k (predicted)' at screen 0.6812, screen 0.8945 right font ',9' tc rgb '#0072b2'
set arrow from graph 0, first 1.04 to graph 1, first 1.04 nohead dt 3 lw 0.6 lc rgb '#bbbbbb' back

set terminal svg size 720,470 fixed enhanced font 'DejaVu Sans,11' background rgb '#ffffff'
set output 'accuracy_mqar.svg'
plot 'accuracy_mqar.dat' index 0 using ($1*0.93440):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#009e73', \
     '' index 0 using ($1*0.93440):2 with linespoints lw 1.7 dt 1 ps 0.75 pt 7 lc rgb '#009e73', \
     'accuracy_mqar.dat' index 1 using ($1*0.94350):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#56b4e9', \
     '' index 1 using ($1*0.94350):2 with linespoints lw 1.7 dt 1 ps 0.75 pt 5 lc rgb '#56b4e9', \
     'accuracy_mqar.dat' index 2 using ($1*0.95269):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#000000', \
     '' index 2 using ($1*0.95269):2 with linespoints lw 1.7 dt 1 ps 0.75 pt 13 lc rgb '#000000', \
     'accuracy_mqar.dat' index 3 using ($1*0.96197):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#6cbf1f', \
     '' index 3 using ($1*0.96197):2 with linespoints lw 1.7 dt 1 ps 0.75 pt 5 lc rgb '#6cbf1f', \
     'accuracy_mqar.dat' index 4 using ($1*0.97134):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#9467bd', \
     '' index 4 using ($1*0.97134):2 with linespoints lw 1.7 dt 1 ps 0.75 pt 11 lc rgb '#9467bd', \
     'accuracy_mqar.dat' index 5 using ($1*0.98080):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#00bcd4', \
     '' index 5 using ($1*0.98080):2 with linespoints lw 1.7 dt 1 ps 0.75 pt 15 lc rgb '#00bcd4', \
     'accuracy_mqar.dat' index 6 using ($1*0.99035):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#d55e00', \
     '' index 6 using ($1*0.99035):2 with linespoints lw 1.7 dt 1 ps 0.75 pt 9 lc rgb '#d55e00', \
     'accuracy_mqar.dat' index 7 using ($1*1.00000):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#cc79a7', \
     '' index 7 using ($1*1.00000):2 with linespoints lw 1.7 dt 1 ps 0.75 pt 5 lc rgb '#cc79a7', \
     'accuracy_mqar.dat' index 8 using ($1*1.00974):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#1f2f8c', \
     '' index 8 using ($1*1.00974):2 with linespoints lw 1.7 dt 1 ps 0.75 pt 9 lc rgb '#1f2f8c', \
     'accuracy_mqar.dat' index 9 using ($1*1.01958):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#b22222', \
     '' index 9 using ($1*1.01958):2 with linespoints lw 1.7 dt 1 ps 0.75 pt 13 lc rgb '#b22222', \
     'accuracy_mqar.dat' index 10 using ($1*1.02951):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#e69f00', \
     '' index 10 using ($1*1.02951):2 with linespoints lw 1.7 dt 1 ps 0.75 pt 11 lc rgb '#e69f00', \
     'accuracy_mqar.dat' index 11 using ($1*1.03954):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#8c564b', \
     '' index 11 using ($1*1.03954):2 with linespoints lw 1.7 dt 1 ps 0.75 pt 9 lc rgb '#8c564b', \
     'accuracy_mqar.dat' index 12 using ($1*1.04966):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#8a8a00', \
     '' index 12 using ($1*1.04966):2 with linespoints lw 1.7 dt 1 ps 0.75 pt 5 lc rgb '#8a8a00', \
     'accuracy_mqar.dat' index 13 using ($1*1.05989):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#0072b2', \
     '' index 13 using ($1*1.05989):2 with linespoints lw 1.7 dt 1 ps 0.75 pt 7 lc rgb '#0072b2', \
     'accuracy_mqar.dat' index 14 using ($1*1.07021):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#e7298a', \
     '' index 14 using ($1*1.07021):2 with linespoints lw 1.7 dt 1 ps 0.75 pt 15 lc rgb '#e7298a', \
     'accuracy_mqar.dat' index 15 using 1:2 with points pt 2 ps 1.1 lw 1.8 lc rgb '#0072b2'
set terminal pngcairo size 1440,940 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'accuracy_mqar.png'
replot
