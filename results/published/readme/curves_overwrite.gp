# overwrite: validation accuracy while training. Made by labench; gnuplot curves_overwrite.gp draws it again from curves_overwrite.dat.
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
set label 'overwrite: validation accuracy while training' at screen 0.012, screen 0.962 left font ',13' tc rgb '#111111'
set label 'Mean over the shapes trained on. 1 seed. † bidirectional, the others causal. Task: vocab 512, noise 32, filler noise, eval\_pairs 16, a 0.01, eval\_a 1,' at screen 0.012, screen 0.0447 left font ',8' tc rgb '#555555'
set label 'updates 0.5. Model: controlled, blocks 2, d 64. Sweep a6eba32c of 2026-11-21, labench 0.1.0 (80f32e8).' at screen 0.012, screen 0.0170 left font ',8' tc rgb '#555555'

set grid ytics lw 1 lc rgb '#e2e2e2'
set xlabel 'step'
set ylabel 'validation accuracy' offset 0.5
set xrange [0:618]
set yrange [-0.03:1.04]
set xtics ('0' 0, '200' 200, '400' 400, '600' 600)
set ytics ('0' 0, '0.2' 0.2, '0.4' 0.4, '0.6' 0.6, '0.8' 0.8, '1' 1)

set arrow from graph 0, first 0.00390625 to graph 1, first 0.00390625 nohead dt 2 lw 0.8 lc rgb '#999999' back
set label 'chance 0.004' at graph 0.50, first 0.00390625 left offset 0, char 0.45 font ',9' tc rgb '#777777'
set label 'fnet†' at screen 0.8656, screen 0.1942 left font ',10' tc rgb '#000000'
set label 'linformer†' at screen 0.8656, screen 0.2612 left font ',10' tc rgb '#cc79a7'
set label 'linear' at screen 0.8656, screen 0.3218 left font ',10' tc rgb '#d55e00'
set label 'performer' at screen 0.8656, screen 0.7275 left font ',10' tc rgb '#e69f00'
set label 'deltanet' at screen 0.8656, screen 0.8106 left font ',10' tc rgb '#009e73'
set arrow from first 600, first 0.954996745 to screen 0.8614, screen 0.8106 nohead lw 0.5 lc rgb '#009e73' back
set label 'gated\_deltanet' at screen 0.8656, screen 0.8426 left font ',10' tc rgb '#66c2a5'
set arrow from first 600, first 0.963758681 to screen 0.8614, screen 0.8426 nohead lw 0.5 lc rgb '#66c2a5' back
set label 'flash' at screen 0.8656, screen 0.8745 left font ',10' tc rgb '#0072b2'
set arrow from first 600, first 0.998019748 to screen 0.8614, screen 0.8745 nohead lw 0.5 lc rgb '#0072b2' back
set label 'softmax' at screen 0.8656, screen 0.9064 left font ',10' tc rgb '#56b4e9'
set arrow from first 600, first 0.998074002 to screen 0.8614, screen 0.9064 nohead lw 0.5 lc rgb '#56b4e9' back

set terminal svg size 720,470 fixed enhanced font 'DejaVu Sans,11' background rgb '#ffffff'
set output 'curves_overwrite.svg'
plot 'curves_overwrite.dat' index 0 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#009e73', \
     '' index 0 using 1:2 with linespoints lw 1.7 dt 1 pt 15 ps 0.75 lc rgb '#009e73', \
     'curves_overwrite.dat' index 1 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#0072b2', \
     '' index 1 using 1:2 with linespoints lw 1.7 dt 1 pt 7 ps 0.75 lc rgb '#0072b2', \
     'curves_overwrite.dat' index 2 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#000000', \
     '' index 2 using 1:2 with linespoints lw 1.7 dt 1 pt 13 ps 0.75 lc rgb '#000000', \
     'curves_overwrite.dat' index 3 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#66c2a5', \
     '' index 3 using 1:2 with linespoints lw 1.7 dt 2 pt 7 ps 0.75 lc rgb '#66c2a5', \
     'curves_overwrite.dat' index 4 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#d55e00', \
     '' index 4 using 1:2 with linespoints lw 1.7 dt 1 pt 9 ps 0.75 lc rgb '#d55e00', \
     'curves_overwrite.dat' index 5 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#cc79a7', \
     '' index 5 using 1:2 with linespoints lw 1.7 dt 1 pt 5 ps 0.75 lc rgb '#cc79a7', \
     'curves_overwrite.dat' index 6 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#e69f00', \
     '' index 6 using 1:2 with linespoints lw 1.7 dt 2 pt 11 ps 0.75 lc rgb '#e69f00', \
     'curves_overwrite.dat' index 7 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#56b4e9', \
     '' index 7 using 1:2 with linespoints lw 1.7 dt 2 pt 5 ps 0.75 lc rgb '#56b4e9'
set terminal pngcairo size 1440,940 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'curves_overwrite.png'
replot
