# fwd: gain from threads. Made by labench; gnuplot scaling_fwd.gp draws it again from scaling_fwd.dat.
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
set label 'fwd: gain from threads' at screen 0.012, screen 0.9617 left font ',13' tc rgb '#111111'
set label 'Median time with one thread over that with several. Median of 10 to 320 calls in 1 round, bars: 95 % interval. T 8k. AMD EPYC, f32, B 1, H 1, d 64, caches' at screen 0.012, screen 0.0447 left font ',8' tc rgb '#555555'
set label 'hot. † bidirectional, the others causal. Sweep bb9705c3 of 2026-11-21, labench 0.1.0 (ce37abe).' at screen 0.012, screen 0.0170 left font ',8' tc rgb '#555555'

set grid ytics lw 1 lc rgb '#e2e2e2'
set xlabel 'threads'
set ylabel 'times faster than one thread' offset 0.5
set xrange [0:2.06]
set yrange [0:2.25724059]
set xtics ('0' 0, '1' 1, '2' 2)
set ytics ('0' 0, '0.5' 0.5, '1' 1, '1.5' 1.5, '2' 2)

set arrow from first 0, first 0 to first 2, first 2 nohead dt 2 lw 0.8 lc rgb '#999999' back
set label 'ideal' at screen 0.7524, screen 0.8162 right rotate by 32.8 font ',9' tc rgb '#777777'
set arrow from screen 0.8267, screen 0.4596 to screen 0.8628, screen 0.4596 nohead lw 1.7 dt 1 lc rgb '#e7298a'
set label '' at screen 0.8447, screen 0.4596 point pt 15 ps 0.75 lc rgb '#e7298a'
set label 'ttt\_linear' at screen 0.8711, screen 0.4596 left font ',10' tc rgb '#222222'
set arrow from first 2, first 1.01119417 to screen 0.8239, screen 0.4596 nohead lw 0.5 lc rgb '#e7298a' back
set arrow from screen 0.8267, screen 0.4915 to screen 0.8628, screen 0.4915 nohead lw 1.7 dt 1 lc rgb '#b22222'
set label '' at screen 0.8447, screen 0.4915 point pt 13 ps 0.75 lc rgb '#b22222'
set label 'mamba2' at screen 0.8711, screen 0.4915 left font ',10' tc rgb '#222222'
set arrow from first 2, first 1.31783322 to screen 0.8239, screen 0.4915 nohead lw 0.5 lc rgb '#b22222' back
set arrow from screen 0.8267, screen 0.5234 to screen 0.8628, screen 0.5234 nohead lw 1.7 dt 1 lc rgb '#d55e00'
set label '' at screen 0.8447, screen 0.5234 point pt 9 ps 0.75 lc rgb '#d55e00'
set label 'linear' at screen 0.8711, screen 0.5234 left font ',10' tc rgb '#222222'
set arrow from first 2, first 1.57517022 to screen 0.8239, screen 0.5234 nohead lw 0.5 lc rgb '#d55e00' back
set arrow from screen 0.8267, screen 0.5553 to screen 0.8628, screen 0.5553 nohead lw 1.7 dt 1 lc rgb '#00bcd4'
set label '' at screen 0.8447, screen 0.5553 point pt 15 ps 0.75 lc rgb '#00bcd4'
set label 'kda' at screen 0.8711, screen 0.5553 left font ',10' tc rgb '#222222'
set arrow from first 2, first 1.62314456 to screen 0.8239, screen 0.5553 nohead lw 0.5 lc rgb '#00bcd4' back
set arrow from screen 0.8267, screen 0.5872 to screen 0.8628, screen 0.5872 nohead lw 1.7 dt 1 lc rgb '#9467bd'
set label '' at screen 0.8447, screen 0.5872 point pt 11 ps 0.75 lc rgb '#9467bd'
set label 'gla' at screen 0.8711, screen 0.5872 left font ',10' tc rgb '#222222'
set arrow from first 2, first 1.63154354 to screen 0.8239, screen 0.5872 nohead lw 0.5 lc rgb '#9467bd' back
set arrow from screen 0.8267, screen 0.6191 to screen 0.8628, screen 0.6191 nohead lw 1.7 dt 1 lc rgb '#009e73'
set label '' at screen 0.8447, screen 0.6191 point pt 7 ps 0.75 lc rgb '#009e73'
set label 'deltanet' at screen 0.8711, screen 0.6191 left font ',10' tc rgb '#222222'
set arrow from first 2, first 1.68280407 to screen 0.8239, screen 0.6191 nohead lw 0.5 lc rgb '#009e73' back
set arrow from screen 0.8267, screen 0.6511 to screen 0.8628, screen 0.6511 nohead lw 1.7 dt 1 lc rgb '#8c564b'
set label '' at screen 0.8447, screen 0.6511 point pt 9 ps 0.75 lc rgb '#8c564b'
set label 'retnet' at screen 0.8711, screen 0.6511 left font ',10' tc rgb '#222222'
set arrow from first 2, first 1.69144118 to screen 0.8239, screen 0.6511 nohead lw 0.5 lc rgb '#8c564b' back
set arrow from screen 0.8267, screen 0.6830 to screen 0.8628, screen 0.6830 nohead lw 1.7 dt 1 lc rgb '#6cbf1f'
set label '' at screen 0.8447, screen 0.6830 point pt 5 ps 0.75 lc rgb '#6cbf1f'
set label 'gated\_deltanet' at screen 0.8711, screen 0.6830 left font ',10' tc rgb '#222222'
set arrow from first 2, first 1.72027876 to screen 0.8239, screen 0.6830 nohead lw 0.5 lc rgb '#6cbf1f' back
set arrow from screen 0.8267, screen 0.7149 to screen 0.8628, screen 0.7149 nohead lw 1.7 dt 1 lc rgb '#e69f00'
set label '' at screen 0.8447, screen 0.7149 point pt 11 ps 0.75 lc rgb '#e69f00'
set label 'performer' at screen 0.8711, screen 0.7149 left font ',10' tc rgb '#222222'
set arrow from first 2, first 1.83531224 to screen 0.8239, screen 0.7149 nohead lw 0.5 lc rgb '#e69f00' back
set arrow from screen 0.8267, screen 0.7468 to screen 0.8628, screen 0.7468 nohead lw 1.7 dt 1 lc rgb '#000000'
set label '' at screen 0.8447, screen 0.7468 point pt 13 ps 0.75 lc rgb '#000000'
set label 'fnet†' at screen 0.8711, screen 0.7468 left font ',10' tc rgb '#222222'
set arrow from first 2, first 1.85556649 to screen 0.8239, screen 0.7468 nohead lw 0.5 lc rgb '#000000' back
set arrow from screen 0.8267, screen 0.7787 to screen 0.8628, screen 0.7787 nohead lw 1.7 dt 1 lc rgb '#8a8a00'
set label '' at screen 0.8447, screen 0.7787 point pt 5 ps 0.75 lc rgb '#8a8a00'
set label 'rwkv7' at screen 0.8711, screen 0.7787 left font ',10' tc rgb '#222222'
set arrow from first 2, first 1.88370374 to screen 0.8239, screen 0.7787 nohead lw 0.5 lc rgb '#8a8a00' back
set arrow from screen 0.8267, screen 0.8106 to screen 0.8628, screen 0.8106 nohead lw 1.7 dt 1 lc rgb '#0072b2'
set label '' at screen 0.8447, screen 0.8106 point pt 7 ps 0.75 lc rgb '#0072b2'
set label 'softmax' at screen 0.8711, screen 0.8106 left font ',10' tc rgb '#222222'
set arrow from first 2, first 1.95077644 to screen 0.8239, screen 0.8106 nohead lw 0.5 lc rgb '#0072b2' back
set arrow from screen 0.8267, screen 0.8426 to screen 0.8628, screen 0.8426 nohead lw 1.7 dt 1 lc rgb '#56b4e9'
set label '' at screen 0.8447, screen 0.8426 point pt 5 ps 0.75 lc rgb '#56b4e9'
set label 'flash' at screen 0.8711, screen 0.8426 left font ',10' tc rgb '#222222'
set arrow from screen 0.8267, screen 0.8745 to screen 0.8628, screen 0.8745 nohead lw 1.7 dt 1 lc rgb '#cc79a7'
set label '' at screen 0.8447, screen 0.8745 point pt 5 ps 0.75 lc rgb '#cc79a7'
set label 'linformer†' at screen 0.8711, screen 0.8745 left font ',10' tc rgb '#222222'
set arrow from first 2, first 2.05251362 to screen 0.8239, screen 0.8745 nohead lw 0.5 lc rgb '#cc79a7' back
set arrow from screen 0.8267, screen 0.9064 to screen 0.8628, screen 0.9064 nohead lw 1.7 dt 1 lc rgb '#1f2f8c'
set label '' at screen 0.8447, screen 0.9064 point pt 9 ps 0.75 lc rgb '#1f2f8c'
set label 'local' at screen 0.8711, screen 0.9064 left font ',10' tc rgb '#222222'
set arrow from first 2, first 2.07900463 to screen 0.8239, screen 0.9064 nohead lw 0.5 lc rgb '#1f2f8c' back

set terminal svg size 720,470 fixed enhanced font 'DejaVu Sans,11' background rgb '#ffffff'
set output 'scaling_fwd.svg'
plot 'scaling_fwd.dat' index 0 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#009e73', \
     '' index 0 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 7 lc rgb '#009e73', \
     'scaling_fwd.dat' index 1 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#56b4e9', \
     '' index 1 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 5 lc rgb '#56b4e9', \
     'scaling_fwd.dat' index 2 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#000000', \
     '' index 2 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 13 lc rgb '#000000', \
     'scaling_fwd.dat' index 3 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#6cbf1f', \
     '' index 3 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 5 lc rgb '#6cbf1f', \
     'scaling_fwd.dat' index 4 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#9467bd', \
     '' index 4 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 11 lc rgb '#9467bd', \
     'scaling_fwd.dat' index 5 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#00bcd4', \
     '' index 5 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 15 lc rgb '#00bcd4', \
     'scaling_fwd.dat' index 6 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#d55e00', \
     '' index 6 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 9 lc rgb '#d55e00', \
     'scaling_fwd.dat' index 7 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#cc79a7', \
     '' index 7 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 5 lc rgb '#cc79a7', \
     'scaling_fwd.dat' index 8 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#1f2f8c', \
     '' index 8 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 9 lc rgb '#1f2f8c', \
     'scaling_fwd.dat' index 9 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#b22222', \
     '' index 9 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 13 lc rgb '#b22222', \
     'scaling_fwd.dat' index 10 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#e69f00', \
     '' index 10 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 11 lc rgb '#e69f00', \
     'scaling_fwd.dat' index 11 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#8c564b', \
     '' index 11 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 9 lc rgb '#8c564b', \
     'scaling_fwd.dat' index 12 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#8a8a00', \
     '' index 12 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 5 lc rgb '#8a8a00', \
     'scaling_fwd.dat' index 13 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#0072b2', \
     '' index 13 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 7 lc rgb '#0072b2', \
     'scaling_fwd.dat' index 14 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#e7298a', \
     '' index 14 using 1:2 with linespoints lw 1.7 dt 1 ps 0.75 pt 15 lc rgb '#e7298a'
set terminal pngcairo size 1440,940 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'scaling_fwd.png'
replot
