# overwrite: accuracy of trained models. Made by labench; gnuplot accuracy_overwrite.gp draws it again from accuracy_overwrite.dat.
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
set label 'overwrite: accuracy of trained models' at screen 0.012, screen 0.962 left font ',13' tc rgb '#111111'
set label 'A small model with each variant, asked at every length. 64 to 2048 answers in 1 seed, bars: 95 % Wilson interval. † bidirectional, the others causal. Task:' at screen 0.012, screen 0.0723 left font ',8' tc rgb '#555555'
set label 'vocab 512, noise 32, filler noise, eval\_pairs 16, a 0.01, eval\_a 1, updates 0.5. Model: controlled, blocks 2, d 64. Trained: T 64/128/256, steps 600, tokens a' at screen 0.012, screen 0.0447 left font ',8' tc rgb '#555555'
set label 'step 4096, rate 0.01. Not defined for linformer. Sweep a6eba32c of 2026-11-21, labench 0.1.0 (80f32e8).' at screen 0.012, screen 0.0170 left font ',8' tc rgb '#555555'

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
set label 'linear' at screen 0.8656, screen 0.2064 left font ',10' tc rgb '#d55e00'
set arrow from first 131072, first 0 to screen 0.8614, screen 0.2064 nohead lw 0.5 lc rgb '#d55e00' back
set label 'fnet†' at screen 0.8656, screen 0.2383 left font ',10' tc rgb '#000000'
set arrow from first 131072, first 0.015625 to screen 0.8614, screen 0.2383 nohead lw 0.5 lc rgb '#000000' back
set label 'gated\_deltanet' at screen 0.8656, screen 0.2749 left font ',10' tc rgb '#66c2a5'
set label 'deltanet' at screen 0.8656, screen 0.3173 left font ',10' tc rgb '#009e73'
set label 'flash' at screen 0.8656, screen 0.3492 left font ',10' tc rgb '#0072b2'
set label 'performer' at screen 0.8656, screen 0.5958 left font ',10' tc rgb '#e69f00'
set label 'softmax' at screen 0.6427, screen 0.4013 left font ',10' tc rgb '#56b4e9'
set label 'softmax: OOM at 64k (predicted)' at screen 0.7160, screen 0.8945 right font ',9' tc rgb '#56b4e9'
set arrow from graph 0, first 1.04 to graph 1, first 1.04 nohead dt 3 lw 0.6 lc rgb '#bbbbbb' back

set terminal svg size 720,470 fixed enhanced font 'DejaVu Sans,11' background rgb '#ffffff'
set output 'accuracy_overwrite.svg'
plot 'accuracy_overwrite.dat' index 0 using ($1*0.90229):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#009e73', \
     '' index 0 using ($1*0.90229):2 with linespoints lw 1.7 dt 1 pt 15 ps 0.75 lc rgb '#009e73', \
     'accuracy_overwrite.dat' index 1 using ($1*0.92919):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#0072b2', \
     '' index 1 using ($1*0.92919):2 with linespoints lw 1.7 dt 1 pt 7 ps 0.75 lc rgb '#0072b2', \
     'accuracy_overwrite.dat' index 2 using ($1*0.95689):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#000000', \
     '' index 2 using ($1*0.95689):2 with linespoints lw 1.7 dt 1 pt 13 ps 0.75 lc rgb '#000000', \
     'accuracy_overwrite.dat' index 3 using ($1*0.98542):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#66c2a5', \
     '' index 3 using ($1*0.98542):2 with linespoints lw 1.7 dt 2 pt 7 ps 0.75 lc rgb '#66c2a5', \
     'accuracy_overwrite.dat' index 4 using ($1*1.01480):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#d55e00', \
     '' index 4 using ($1*1.01480):2 with linespoints lw 1.7 dt 1 pt 9 ps 0.75 lc rgb '#d55e00', \
     'accuracy_overwrite.dat' index 5 using ($1*1.04505):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#cc79a7', \
     '' index 5 using ($1*1.04505):2 with linespoints lw 1.7 dt 1 pt 5 ps 0.75 lc rgb '#cc79a7', \
     'accuracy_overwrite.dat' index 6 using ($1*1.07621):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#e69f00', \
     '' index 6 using ($1*1.07621):2 with linespoints lw 1.7 dt 2 pt 11 ps 0.75 lc rgb '#e69f00', \
     'accuracy_overwrite.dat' index 7 using ($1*1.10830):2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#56b4e9', \
     '' index 7 using ($1*1.10830):2 with linespoints lw 1.7 dt 2 pt 5 ps 0.75 lc rgb '#56b4e9', \
     'accuracy_overwrite.dat' index 8 using 1:2 with points pt 2 ps 1.1 lw 1.8 lc rgb '#56b4e9'
set terminal pngcairo size 1440,940 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'accuracy_overwrite.png'
replot
