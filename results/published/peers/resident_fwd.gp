# fwd: resident memory of a call. Made by labench; gnuplot resident_fwd.gp draws it again from resident_fwd.dat.
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
set rmargin at screen 0.7011
set bmargin at screen 0.1702
set tmargin at screen 0.9149
set label 'fwd: resident memory of a call' at screen 0.012, screen 0.9617 left font ',13' tc rgb '#111111'
set label 'What the first call added to resident memory, its results included, as measured: allocators and libraries take whole pages and keep them. AMD EPYC, 2 threads,' at screen 0.012, screen 0.0447 left font ',8' tc rgb '#555555'
set label 'f32, B 1, H 2, d 64, caches hot, causal. Sweep eaec9dbe of 2026-11-21, labench 0.1.0 (bfc184c).' at screen 0.012, screen 0.0170 left font ',8' tc rgb '#555555'

set logscale x 2
set logscale y 2
set grid ytics lw 1 lc rgb '#e2e2e2'
set xlabel 'sequence length T (tokens)'
set ylabel 'resident memory that one call adds' offset 0.5
set xrange [942.272154:17805.064]
set yrange [546977.03:293522757]
set xtics ('1k' 1024, '2k' 2048, '4k' 4096, '8k' 8192, '16k' 16384)
set ytics ('1 MiB' 1048576, '2 MiB' 2097152, '4 MiB' 4194304, '8 MiB' 8388608, '16 MiB' 16777216, '32 MiB' 33554432, '64 MiB' 67108864, '128 MiB' 134217728, '256 MiB' 268435456)

set arrow from screen 0.7233, screen 0.4508 to screen 0.7594, screen 0.4508 nohead lw 1.7 dt 1 lc rgb '#6cbf1f'
set label '' at screen 0.7414, screen 0.4508 point pt 5 ps 0.75 lc rgb '#6cbf1f'
set label 'gated\_deltanet chunk' at screen 0.7678, screen 0.4508 left font ',10' tc rgb '#222222'
set arrow from first 16384, first 6537216 to screen 0.7206, screen 0.4508 nohead lw 0.5 lc rgb '#6cbf1f' back
set arrow from screen 0.7233, screen 0.4827 to screen 0.7594, screen 0.4827 nohead lw 1.7 dt 1 lc rgb '#56b4e9'
set label '' at screen 0.7414, screen 0.4827 point pt 5 ps 0.75 lc rgb '#56b4e9'
set label 'flash tiled' at screen 0.7678, screen 0.4827 left font ',10' tc rgb '#222222'
set arrow from first 16384, first 6934528 to screen 0.7206, screen 0.4827 nohead lw 0.5 lc rgb '#56b4e9' back
set arrow from screen 0.7233, screen 0.5146 to screen 0.7594, screen 0.5146 nohead lw 1.7 dt 2 lc rgb '#56b4e9'
set label '' at screen 0.7414, screen 0.5146 point pt 5 ps 0.75 lc rgb '#56b4e9'
set label 'flash torch\_flash' at screen 0.7678, screen 0.5146 left font ',10' tc rgb '#222222'
set arrow from screen 0.7233, screen 0.8750 to screen 0.7594, screen 0.8750 nohead lw 1.7 dt 2 lc rgb '#6cbf1f'
set label '' at screen 0.7414, screen 0.8750 point pt 5 ps 0.75 lc rgb '#6cbf1f'
set label 'gated\_deltanet torch\_chunk' at screen 0.7678, screen 0.8750 left font ',10' tc rgb '#222222'

set terminal svg size 720,470 fixed enhanced font 'DejaVu Sans,11' background rgb '#ffffff'
set output 'resident_fwd.svg'
plot 'resident_fwd.dat' index 0 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#56b4e9', \
     '' index 0 using 1:2 with linespoints lw 1.7 dt 1 pt 5 ps 0.75 lc rgb '#56b4e9', \
     'resident_fwd.dat' index 1 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#56b4e9', \
     '' index 1 using 1:2 with linespoints lw 1.7 dt 2 pt 5 ps 0.75 lc rgb '#56b4e9', \
     'resident_fwd.dat' index 2 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#6cbf1f', \
     '' index 2 using 1:2 with linespoints lw 1.7 dt 1 pt 5 ps 0.75 lc rgb '#6cbf1f', \
     'resident_fwd.dat' index 3 using 1:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '#6cbf1f', \
     '' index 3 using 1:2 with linespoints lw 1.7 dt 2 pt 5 ps 0.75 lc rgb '#6cbf1f'
set terminal pngcairo size 1440,940 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'resident_fwd.png'
replot
