# fwd: roofline. Made by labench; gnuplot roofline_fwd.gp draws it again from roofline_fwd.dat.
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
set bmargin at screen 0.1682
set tmargin at screen 0.9277
set label 'fwd: roofline' at screen 0.012, screen 0.9675 left font ',13' tc rgb '#111111'
set label 'Operations that the mathematics needs (causal: half) over the median time, beside the bytes that must move at least once; what the caches keep may lie above the' at screen 0.012, screen 0.0615 left font ',8' tc rgb '#555555'
set label 'slope. T 8k. Operations are counted by useful-1. Median of 24 to 330 calls in 5 rounds, bars: 95 % interval. Intel(R) Xeon(R) Processor, 2 threads, B 1, H 4,' at screen 0.012, screen 0.0380 left font ',8' tc rgb '#555555'
set label 'd 64, caches hot. † bidirectional, the others causal. Sweep e59e536d of 2026-11-23, labench 0.1.0 (1aa0650).' at screen 0.012, screen 0.0145 left font ',8' tc rgb '#555555'

set logscale xy 10
set grid ytics lw 1 lc rgb '#e2e2e2'
set xlabel 'useful operations a byte that must move (FLOP/byte)'
set ylabel 'useful GFLOP/s' offset 0.5
set xrange [5.52384517:2433.08775]
set yrange [10.2496282:4538.06837]
set xtics ('' 6 1, '' 7 1, '' 8 1, '' 9 1, '10' 10, '' 20 1, '' 30 1, '' 40 1, '' 50 1, '' 60 1, '' 70 1, '' 80 1, '' 90 1, '100' 100, '' 200 1, '' 300 1, '' 400 1, '' 500 1, '' 600 1, '' 700 1, '' 800 1, '' 900 1, '1000' 1000, '' 2000 1)
set ytics ('' 20 1, '' 30 1, '' 40 1, '' 50 1, '' 60 1, '' 70 1, '' 80 1, '' 90 1, '100' 100, '' 200 1, '' 300 1, '' 400 1, '' 500 1, '' 600 1, '' 700 1, '' 800 1, '' 900 1, '1000' 1000, '' 2000 1, '' 3000 1, '' 4000 1)

set arrow from graph 0.5441, first 3274.25354 to graph 1, first 3274.25354 nohead dt 2 lw 0.8 lc rgb '#999999' back
set label 'bf16 products 3274 GFLOP/s, 2 threads' at graph 0.55, first 3274.25354 left offset 0, char 0.45 font ',9' tc rgb '#777777'
set arrow from graph 0.1327, first 267.611325 to graph 1, first 267.611325 nohead dt 2 lw 0.8 lc rgb '#999999' back
set label 'f32 multiply-adds 268 GFLOP/s, 2 threads' at graph 0.35, first 267.611325 left offset 0, char 0.45 font ',9' tc rgb '#777777'
set arrow from first 5.52384517, first 119.31255 to first 151.588996, first 3274.25354 nohead dt 2 lw 0.8 lc rgb '#999999' back
set label 'reading memory 22 GB/s' at screen 0.4469, screen 0.8799 right rotate by 42.1 font ',9' tc rgb '#777777'
set label '' at screen 0.8017, screen 0.1754 point pt 13 ps 0.75 lc rgb '#000000'
set label 'fnet f32†' at screen 0.8281, screen 0.1754 left font ',10' tc rgb '#222222'
set label '' at screen 0.8017, screen 0.2025 point pt 15 ps 0.75 lc rgb '#000000'
set label 'fnet bf16†' at screen 0.8281, screen 0.2025 left font ',10' tc rgb '#222222'
set label '' at screen 0.8017, screen 0.2297 point pt 9 ps 0.75 lc rgb '#d55e00'
set label 'linear f32' at screen 0.8281, screen 0.2297 left font ',10' tc rgb '#222222'
set label '' at screen 0.8017, screen 0.2568 point pt 11 ps 0.75 lc rgb '#d55e00'
set label 'linear bf16' at screen 0.8281, screen 0.2568 left font ',10' tc rgb '#222222'
set label '' at screen 0.8017, screen 0.2839 point pt 15 ps 0.75 lc rgb '#e7298a'
set label 'ttt\_linear f32' at screen 0.8281, screen 0.2839 left font ',10' tc rgb '#222222'
set label '' at screen 0.8017, screen 0.3110 point pt 7 ps 0.75 lc rgb '#e7298a'
set label 'ttt\_linear bf16' at screen 0.8281, screen 0.3110 left font ',10' tc rgb '#222222'
set label '' at screen 0.8017, screen 0.3382 point pt 11 ps 0.75 lc rgb '#9467bd'
set label 'gla f32' at screen 0.8281, screen 0.3382 left font ',10' tc rgb '#222222'
set label '' at screen 0.8017, screen 0.3653 point pt 13 ps 0.75 lc rgb '#e69f00'
set label 'performer bf16' at screen 0.8281, screen 0.3653 left font ',10' tc rgb '#222222'
set label '' at screen 0.8017, screen 0.3924 point pt 11 ps 0.75 lc rgb '#e69f00'
set label 'performer f32' at screen 0.8281, screen 0.3924 left font ',10' tc rgb '#222222'
set label '' at screen 0.8017, screen 0.4195 point pt 15 ps 0.75 lc rgb '#00bcd4'
set label 'kda f32' at screen 0.8281, screen 0.4195 left font ',10' tc rgb '#222222'
set label '' at screen 0.8017, screen 0.4467 point pt 7 ps 0.75 lc rgb '#009e73'
set label 'deltanet f32' at screen 0.8281, screen 0.4467 left font ',10' tc rgb '#222222'
set label '' at screen 0.8017, screen 0.4738 point pt 13 ps 0.75 lc rgb '#b22222'
set label 'mamba2 f32' at screen 0.8281, screen 0.4738 left font ',10' tc rgb '#222222'
set label '' at screen 0.8017, screen 0.5009 point pt 9 ps 0.75 lc rgb '#8c564b'
set label 'retnet f32' at screen 0.8281, screen 0.5009 left font ',10' tc rgb '#222222'
set label '' at screen 0.8017, screen 0.5280 point pt 5 ps 0.75 lc rgb '#8a8a00'
set label 'rwkv7 f32' at screen 0.8281, screen 0.5280 left font ',10' tc rgb '#222222'
set label '' at screen 0.8017, screen 0.5552 point pt 9 ps 0.75 lc rgb '#1f2f8c'
set label 'local f32' at screen 0.8281, screen 0.5552 left font ',10' tc rgb '#222222'
set label '' at screen 0.8017, screen 0.5823 point pt 5 ps 0.75 lc rgb '#6cbf1f'
set label 'gated\_deltanet f32' at screen 0.8281, screen 0.5823 left font ',10' tc rgb '#222222'
set label '' at screen 0.8017, screen 0.6094 point pt 9 ps 0.75 lc rgb '#8a8a00'
set label 'rwkv7 bf16' at screen 0.8281, screen 0.6094 left font ',10' tc rgb '#222222'
set label '' at screen 0.8017, screen 0.6365 point pt 9 ps 0.75 lc rgb '#cc79a7'
set label 'linformer bf16†' at screen 0.8281, screen 0.6365 left font ',10' tc rgb '#222222'
set label '' at screen 0.8017, screen 0.6637 point pt 5 ps 0.75 lc rgb '#cc79a7'
set label 'linformer f32†' at screen 0.8281, screen 0.6637 left font ',10' tc rgb '#222222'
set label '' at screen 0.8017, screen 0.6908 point pt 7 ps 0.75 lc rgb '#00bcd4'
set label 'kda bf16' at screen 0.8281, screen 0.6908 left font ',10' tc rgb '#222222'
set label '' at screen 0.8017, screen 0.7179 point pt 15 ps 0.75 lc rgb '#b22222'
set label 'mamba2 bf16' at screen 0.8281, screen 0.7179 left font ',10' tc rgb '#222222'
set label '' at screen 0.8017, screen 0.7450 point pt 13 ps 0.75 lc rgb '#9467bd'
set label 'gla bf16' at screen 0.8281, screen 0.7450 left font ',10' tc rgb '#222222'
set label '' at screen 0.8017, screen 0.7722 point pt 5 ps 0.75 lc rgb '#009e73'
set label 'deltanet bf16' at screen 0.8281, screen 0.7722 left font ',10' tc rgb '#222222'
set label '' at screen 0.8017, screen 0.7993 point pt 11 ps 0.75 lc rgb '#8c564b'
set label 'retnet bf16' at screen 0.8281, screen 0.7993 left font ',10' tc rgb '#222222'
set label '' at screen 0.8017, screen 0.8264 point pt 5 ps 0.75 lc rgb '#56b4e9'
set label 'flash f32' at screen 0.8281, screen 0.8264 left font ',10' tc rgb '#222222'
set label '' at screen 0.8017, screen 0.8535 point pt 9 ps 0.75 lc rgb '#6cbf1f'
set label 'gated\_deltanet bf16' at screen 0.8281, screen 0.8535 left font ',10' tc rgb '#222222'
set label '' at screen 0.8017, screen 0.8807 point pt 11 ps 0.75 lc rgb '#1f2f8c'
set label 'local bf16' at screen 0.8281, screen 0.8807 left font ',10' tc rgb '#222222'
set label '' at screen 0.8017, screen 0.9078 point pt 9 ps 0.75 lc rgb '#56b4e9'
set label 'flash bf16' at screen 0.8281, screen 0.9078 left font ',10' tc rgb '#222222'

set terminal svg size 720,553 fixed enhanced font 'DejaVu Sans,11' background rgb '#ffffff'
set output 'roofline_fwd.svg'
plot 'roofline_fwd.dat' index 0 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#009e73', \
     '' index 0 using 1:2:(0.4+0.00000*log($7/8192)) with points ps variable pt 7 lc rgb '#009e73', \
     'roofline_fwd.dat' index 1 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#009e73', \
     '' index 1 using 1:2:(0.4+0.00000*log($7/8192)) with points ps variable pt 5 lc rgb '#009e73', \
     'roofline_fwd.dat' index 2 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#56b4e9', \
     '' index 2 using 1:2:(0.4+0.00000*log($7/8192)) with points ps variable pt 5 lc rgb '#56b4e9', \
     'roofline_fwd.dat' index 3 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#56b4e9', \
     '' index 3 using 1:2:(0.4+0.00000*log($7/8192)) with points ps variable pt 9 lc rgb '#56b4e9', \
     'roofline_fwd.dat' index 4 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#000000', \
     '' index 4 using 1:2:(0.4+0.00000*log($7/8192)) with points ps variable pt 13 lc rgb '#000000', \
     'roofline_fwd.dat' index 5 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#000000', \
     '' index 5 using 1:2:(0.4+0.00000*log($7/8192)) with points ps variable pt 15 lc rgb '#000000', \
     'roofline_fwd.dat' index 6 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#6cbf1f', \
     '' index 6 using 1:2:(0.4+0.00000*log($7/8192)) with points ps variable pt 5 lc rgb '#6cbf1f', \
     'roofline_fwd.dat' index 7 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#6cbf1f', \
     '' index 7 using 1:2:(0.4+0.00000*log($7/8192)) with points ps variable pt 9 lc rgb '#6cbf1f', \
     'roofline_fwd.dat' index 8 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#9467bd', \
     '' index 8 using 1:2:(0.4+0.00000*log($7/8192)) with points ps variable pt 11 lc rgb '#9467bd', \
     'roofline_fwd.dat' index 9 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#9467bd', \
     '' index 9 using 1:2:(0.4+0.00000*log($7/8192)) with points ps variable pt 13 lc rgb '#9467bd', \
     'roofline_fwd.dat' index 10 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#00bcd4', \
     '' index 10 using 1:2:(0.4+0.00000*log($7/8192)) with points ps variable pt 15 lc rgb '#00bcd4', \
     'roofline_fwd.dat' index 11 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#00bcd4', \
     '' index 11 using 1:2:(0.4+0.00000*log($7/8192)) with points ps variable pt 7 lc rgb '#00bcd4', \
     'roofline_fwd.dat' index 12 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#d55e00', \
     '' index 12 using 1:2:(0.4+0.00000*log($7/8192)) with points ps variable pt 9 lc rgb '#d55e00', \
     'roofline_fwd.dat' index 13 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#d55e00', \
     '' index 13 using 1:2:(0.4+0.00000*log($7/8192)) with points ps variable pt 11 lc rgb '#d55e00', \
     'roofline_fwd.dat' index 14 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#cc79a7', \
     '' index 14 using 1:2:(0.4+0.00000*log($7/8192)) with points ps variable pt 5 lc rgb '#cc79a7', \
     'roofline_fwd.dat' index 15 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#cc79a7', \
     '' index 15 using 1:2:(0.4+0.00000*log($7/8192)) with points ps variable pt 9 lc rgb '#cc79a7', \
     'roofline_fwd.dat' index 16 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#1f2f8c', \
     '' index 16 using 1:2:(0.4+0.00000*log($7/8192)) with points ps variable pt 9 lc rgb '#1f2f8c', \
     'roofline_fwd.dat' index 17 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#1f2f8c', \
     '' index 17 using 1:2:(0.4+0.00000*log($7/8192)) with points ps variable pt 11 lc rgb '#1f2f8c', \
     'roofline_fwd.dat' index 18 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#b22222', \
     '' index 18 using 1:2:(0.4+0.00000*log($7/8192)) with points ps variable pt 13 lc rgb '#b22222', \
     'roofline_fwd.dat' index 19 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#b22222', \
     '' index 19 using 1:2:(0.4+0.00000*log($7/8192)) with points ps variable pt 15 lc rgb '#b22222', \
     'roofline_fwd.dat' index 20 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#e69f00', \
     '' index 20 using 1:2:(0.4+0.00000*log($7/8192)) with points ps variable pt 11 lc rgb '#e69f00', \
     'roofline_fwd.dat' index 21 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#e69f00', \
     '' index 21 using 1:2:(0.4+0.00000*log($7/8192)) with points ps variable pt 13 lc rgb '#e69f00', \
     'roofline_fwd.dat' index 22 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#8c564b', \
     '' index 22 using 1:2:(0.4+0.00000*log($7/8192)) with points ps variable pt 9 lc rgb '#8c564b', \
     'roofline_fwd.dat' index 23 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#8c564b', \
     '' index 23 using 1:2:(0.4+0.00000*log($7/8192)) with points ps variable pt 11 lc rgb '#8c564b', \
     'roofline_fwd.dat' index 24 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#8a8a00', \
     '' index 24 using 1:2:(0.4+0.00000*log($7/8192)) with points ps variable pt 5 lc rgb '#8a8a00', \
     'roofline_fwd.dat' index 25 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#8a8a00', \
     '' index 25 using 1:2:(0.4+0.00000*log($7/8192)) with points ps variable pt 9 lc rgb '#8a8a00', \
     'roofline_fwd.dat' index 26 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#e7298a', \
     '' index 26 using 1:2:(0.4+0.00000*log($7/8192)) with points ps variable pt 15 lc rgb '#e7298a', \
     'roofline_fwd.dat' index 27 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#e7298a', \
     '' index 27 using 1:2:(0.4+0.00000*log($7/8192)) with points ps variable pt 7 lc rgb '#e7298a'
set terminal pngcairo size 1440,1106 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'roofline_fwd.png'
replot
