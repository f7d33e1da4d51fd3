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
set rmargin at screen 0.8044
set bmargin at screen 0.1702
set tmargin at screen 0.9149
set label 'overwrite: validation accuracy while training' at screen 0.012, screen 0.9617 left font ',13' tc rgb '#111111'
set label 'Mean over the shapes trained on. 3 seeds, mean and range. † bidirectional, the others causal. Task: vocab 512, noise 32, filler noise, a 0.01, eval\_a 1,' at screen 0.012, screen 0.0447 left font ',8' tc rgb '#555555'
set label 'eval\_spread auto, updates 0.5. Model: controlled, blocks 2, d 64. Sweep fc97ab4f of 2026-11-23, labench 0.1.0 (e6b9c65).' at screen 0.012, screen 0.0170 left font ',8' tc rgb '#555555'

set grid ytics lw 1 lc rgb '#e2e2e2'
set xlabel 'step'
set ylabel 'validation accuracy' offset 0.5
set xrange [0:618]
set yrange [-0.03:1.04]
set xtics ('0' 0, '200' 200, '400' 400, '600' 600)
set ytics ('0' 0, '0.2' 0.2, '0.4' 0.4, '0.6' 0.6, '0.8' 0.8, '1' 1)

set arrow from graph 0, first 0.00390625 to graph 1, first 0.00390625 nohead dt 2 lw 0.8 lc rgb '#999999' back
set label 'chance 0.004' at graph 0.50, first 0.00390625 left offset 0, char 0.45 font ',9' tc rgb '#777777'
set arrow from screen 0.8267, screen 0.1942 to screen 0.8628, screen 0.1942 nohead lw 1.7 dt 1 lc rgb '#000000'
set label '' at screen 0.8447, screen 0.1942 point pt 13 ps 0.75 lc rgb '#000000'
set label 'fnet†' at screen 0.8711, screen 0.1942 left font ',10' tc rgb '#222222'
set arrow from screen 0.8267, screen 0.2659 to screen 0.8628, screen 0.2659 nohead lw 1.7 dt 1 lc rgb '#cc79a7'
set label '' at screen 0.8447, screen 0.2659 point pt 5 ps 0.75 lc rgb '#cc79a7'
set label 'linformer†' at screen 0.8711, screen 0.2659 left font ',10' tc rgb '#222222'
set arrow from screen 0.8267, screen 0.4237 to screen 0.8628, screen 0.4237 nohead lw 1.7 dt 1 lc rgb '#d55e00'
set label '' at screen 0.8447, screen 0.4237 point pt 9 ps 0.75 lc rgb '#d55e00'
set label 'linear' at screen 0.8711, screen 0.4237 left font ',10' tc rgb '#222222'
set arrow from screen 0.8267, screen 0.4556 to screen 0.8628, screen 0.4556 nohead lw 1.7 dt 1 lc rgb '#8c564b'
set label '' at screen 0.8447, screen 0.4556 point pt 9 ps 0.75 lc rgb '#8c564b'
set label 'retnet' at screen 0.8711, screen 0.4556 left font ',10' tc rgb '#222222'
set arrow from screen 0.8267, screen 0.5100 to screen 0.8628, screen 0.5100 nohead lw 1.7 dt 1 lc rgb '#b22222'
set label '' at screen 0.8447, screen 0.5100 point pt 13 ps 0.75 lc rgb '#b22222'
set label 'mamba2' at screen 0.8711, screen 0.5100 left font ',10' tc rgb '#222222'
set arrow from screen 0.8267, screen 0.6191 to screen 0.8628, screen 0.6191 nohead lw 1.7 dt 1 lc rgb '#e7298a'
set label '' at screen 0.8447, screen 0.6191 point pt 15 ps 0.75 lc rgb '#e7298a'
set label 'ttt\_linear' at screen 0.8711, screen 0.6191 left font ',10' tc rgb '#222222'
set arrow from first 600, first 0.669551143 to screen 0.8239, screen 0.6191 nohead lw 0.5 lc rgb '#e7298a' back
set arrow from screen 0.8267, screen 0.6511 to screen 0.8628, screen 0.6511 nohead lw 1.7 dt 1 lc rgb '#e69f00'
set label '' at screen 0.8447, screen 0.6511 point pt 11 ps 0.75 lc rgb '#e69f00'
set label 'performer' at screen 0.8711, screen 0.6511 left font ',10' tc rgb '#222222'
set arrow from first 600, first 0.834644459 to screen 0.8239, screen 0.6511 nohead lw 0.5 lc rgb '#e69f00' back
set arrow from screen 0.8267, screen 0.6830 to screen 0.8628, screen 0.6830 nohead lw 1.7 dt 1 lc rgb '#9467bd'
set label '' at screen 0.8447, screen 0.6830 point pt 11 ps 0.75 lc rgb '#9467bd'
set label 'gla' at screen 0.8711, screen 0.6830 left font ',10' tc rgb '#222222'
set arrow from first 600, first 0.836995443 to screen 0.8239, screen 0.6830 nohead lw 0.5 lc rgb '#9467bd' back
set arrow from screen 0.8267, screen 0.7149 to screen 0.8628, screen 0.7149 nohead lw 1.7 dt 1 lc rgb '#8a8a00'
set label '' at screen 0.8447, screen 0.7149 point pt 5 ps 0.75 lc rgb '#8a8a00'
set label 'rwkv7' at screen 0.8711, screen 0.7149 left font ',10' tc rgb '#222222'
set arrow from first 600, first 0.852936921 to screen 0.8239, screen 0.7149 nohead lw 0.5 lc rgb '#8a8a00' back
set arrow from screen 0.8267, screen 0.7468 to screen 0.8628, screen 0.7468 nohead lw 1.7 dt 1 lc rgb '#00bcd4'
set label '' at screen 0.8447, screen 0.7468 point pt 15 ps 0.75 lc rgb '#00bcd4'
set label 'kda' at screen 0.8711, screen 0.7468 left font ',10' tc rgb '#222222'
set arrow from first 600, first 0.929199219 to screen 0.8239, screen 0.7468 nohead lw 0.5 lc rgb '#00bcd4' back
set arrow from screen 0.8267, screen 0.7787 to screen 0.8628, screen 0.7787 nohead lw 1.7 dt 1 lc rgb '#009e73'
set label '' at screen 0.8447, screen 0.7787 point pt 7 ps 0.75 lc rgb '#009e73'
set label 'deltanet' at screen 0.8711, screen 0.7787 left font ',10' tc rgb '#222222'
set arrow from first 600, first 0.963297526 to screen 0.8239, screen 0.7787 nohead lw 0.5 lc rgb '#009e73' back
set arrow from screen 0.8267, screen 0.8106 to screen 0.8628, screen 0.8106 nohead lw 1.7 dt 1 lc rgb '#6cbf1f'
set label '' at screen 0.8447, screen 0.8106 point pt 5 ps 0.75 lc rgb '#6cbf1f'
set label 'gated\_deltanet' at screen 0.8711, screen 0.8106 left font ',10' tc rgb '#222222'
set arrow from first 600, first 0.969419126 to screen 0.8239, screen 0.8106 nohead lw 0.5 lc rgb '#6cbf1f' back
set arrow from screen 0.8267, screen 0.8426 to screen 0.8628, screen 0.8426 nohead lw 1.7 dt 1 lc rgb '#0072b2'
set label '' at screen 0.8447, screen 0.8426 point pt 7 ps 0.75 lc rgb '#0072b2'
set label 'softmax' at screen 0.8711, screen 0.8426 left font ',10' tc rgb '#222222'
set arrow from first 600, first 0.998055917 to screen 0.8239, screen 0.8426 nohead lw 0.5 lc rgb '#0072b2' back
set arrow from screen 0.8267, screen 0.8745 to screen 0.8628, screen 0.8745 nohead lw 1.7 dt 1 lc rgb '#56b4e9'
set label '' at screen 0.8447, screen 0.8745 point pt 5 ps 0.75 lc rgb '#56b4e9'
set label 'flash' at screen 0.8711, screen 0.8745 left font ',10' tc rgb '#222222'
set arrow from first 600, first 0.998327185 to screen 0.8239, screen 0.8745 nohead lw 0.5 lc rgb '#56b4e9' back
set arrow from screen 0.8267, screen 0.9064 to screen 0.8628, screen 0.9064 nohead lw 1.7 dt 1 lc rgb '#1f2f8c'
set label '' at screen 0.8447, screen 0.9064 point pt 9 ps 0.75 lc rgb '#1f2f8c'
set label 'local' at screen 0.8711, screen 0.9064 left font ',10' tc rgb '#222222'
set arrow from first 600, first 0.998327185 to screen 0.8239, screen 0.9064 nohead lw 0.5 lc rgb '#1f2f8c' back

set terminal svg size 720,470 fixed enhanced font 'DejaVu Sans,11' background rgb '#ffffff'
set output 'curves_overwrite.svg'
plot 'curves_overwrite.dat' index 0 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#009e73', \
     '' index 0 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 7 lc rgb '#009e73', \
     'curves_overwrite.dat' index 1 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#56b4e9', \
     '' index 1 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 5 lc rgb '#56b4e9', \
     'curves_overwrite.dat' index 2 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#000000', \
     '' index 2 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 13 lc rgb '#000000', \
     'curves_overwrite.dat' index 3 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#6cbf1f', \
     '' index 3 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 5 lc rgb '#6cbf1f', \
     'curves_overwrite.dat' index 4 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#9467bd', \
     '' index 4 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 11 lc rgb '#9467bd', \
     'curves_overwrite.dat' index 5 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#00bcd4', \
     '' index 5 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 15 lc rgb '#00bcd4', \
     'curves_overwrite.dat' index 6 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#d55e00', \
     '' index 6 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 9 lc rgb '#d55e00', \
     'curves_overwrite.dat' index 7 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#cc79a7', \
     '' index 7 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 5 lc rgb '#cc79a7', \
     'curves_overwrite.dat' index 8 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#1f2f8c', \
     '' index 8 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 9 lc rgb '#1f2f8c', \
     'curves_overwrite.dat' index 9 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#b22222', \
     '' index 9 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 13 lc rgb '#b22222', \
     'curves_overwrite.dat' index 10 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#e69f00', \
     '' index 10 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 11 lc rgb '#e69f00', \
     'curves_overwrite.dat' index 11 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#8c564b', \
     '' index 11 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 9 lc rgb '#8c564b', \
     'curves_overwrite.dat' index 12 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#8a8a00', \
     '' index 12 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 5 lc rgb '#8a8a00', \
     'curves_overwrite.dat' index 13 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#0072b2', \
     '' index 13 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 7 lc rgb '#0072b2', \
     'curves_overwrite.dat' index 14 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#e7298a', \
     '' index 14 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 15 lc rgb '#e7298a'
set terminal pngcairo size 1440,940 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'curves_overwrite.png'
replot
