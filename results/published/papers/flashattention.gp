# Attention over 128 to 64k tokens: forward, backward, both, and memory. Made by labench; gnuplot flashattention.gp draws it again from flashattention.dat.
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

# Columns of the data: published, ours, and the ends of our interval; the first block of a panel is its band.
set terminal svg size 720,639 fixed enhanced font 'DejaVu Sans,11' background rgb '#ffffff'
set output 'flashattention.svg'
set multiplot
set label 'Attention over 128 to 64k tokens: forward, backward, both, and memory' at screen 0.0125, screen 0.9718 left font ',13' tc rgb '#111111'
set label 'PyTorch Attention' at screen 0.7444, screen 0.8905 left font ',10' tc rgb '#111111' point pt 7 ps 0.8 lc rgb '#0072b2' offset char 1.2, 0
set label 'Local Attention' at screen 0.7444, screen 0.8638 left font ',10' tc rgb '#111111' point pt 9 ps 0.8 lc rgb '#1f2f8c' offset char 1.2, 0
set label 'Linformer' at screen 0.7444, screen 0.8372 left font ',10' tc rgb '#111111' point pt 5 ps 0.8 lc rgb '#cc79a7' offset char 1.2, 0
set label 'FlashAttention' at screen 0.7444, screen 0.8106 left font ',10' tc rgb '#111111' point pt 5 ps 0.8 lc rgb '#56b4e9' offset char 1.2, 0
set label 'Each point is a place of the table: 133 of 375 that have a published value. Dashed: equal; shaded: the tolerance stated. Bars: our intervals. Paper: Dao, Fu,' at screen 0.012, screen 0.0939 left font ',8' tc rgb '#555555'
set label 'Ermon, Rudra, Re, FlashAttention: Fast and Memory-Efficient Exact Attention with IO-Awareness, arXiv:2205.14135, NeurIPS 2022, Tables 18, 19, 20, 21 (A: read as' at screen 0.012, screen 0.0736 left font ',8' tc rgb '#555555'
set label 'numbers in the paper or from its authors). Here, scale cpu: batch 1, one head of 64, float32, 128 to 32k tokens (materialised attention to 8k), one round of at' at screen 0.012, screen 0.0532 left font ',8' tc rgb '#555555'
set label 'most half a second a cell; on the processor and not on an A100, so that ratios, slopes and orders are compared. Sweep 8fec63a7, 3cc74abf, 96953262, d17e00fb,' at screen 0.012, screen 0.0329 left font ',8' tc rgb '#555555'
set label 'e83e891b, fb6dc5c4, e749cc06, 2026-11-21, AMD EPYC, 2 cores, 24 GiB.' at screen 0.012, screen 0.0125 left font ',8' tc rgb '#555555'
set label 'Table 18: forward (ms)' at screen 0.0333, screen 0.9249 left font ',10' tc rgb '#111111'
set lmargin at screen 0.0889
set rmargin at screen 0.3500
set bmargin at screen 0.6088
set tmargin at screen 0.9030
set logscale xy 10
set xrange [0.0031547:1608.62]
set yrange [0.0031547:1608.62]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'flashattention.dat' index 0 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 0 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 1 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#0072b2', \
     '' index 2 using 1:2:3:4 with yerrorbars pt 9 ps 0.7 lw 1 lc rgb '#1f2f8c', \
     '' index 3 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#cc79a7', \
     '' index 4 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#56b4e9'
unset label
set label 'Table 19: backward (ms)' at screen 0.4056, screen 0.9249 left font ',10' tc rgb '#111111'
set lmargin at screen 0.4611
set rmargin at screen 0.7222
set bmargin at screen 0.6088
set tmargin at screen 0.9030
set logscale xy 10
set xrange [0.00737102:4452.45]
set yrange [0.00737102:4452.45]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'flashattention.dat' index 5 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 5 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 6 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#0072b2', \
     '' index 7 using 1:2:3:4 with yerrorbars pt 9 ps 0.7 lw 1 lc rgb '#1f2f8c', \
     '' index 8 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#cc79a7', \
     '' index 9 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#56b4e9'
unset label
set label 'Table 20: forward and backward (ms)' at screen 0.0333, screen 0.5399 left font ',10' tc rgb '#111111'
set lmargin at screen 0.0889
set rmargin at screen 0.3500
set bmargin at screen 0.2238
set tmargin at screen 0.5180
set logscale xy 10
set xrange [0.0106044:5437.51]
set yrange [0.0106044:5437.51]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'flashattention.dat' index 10 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 10 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 11 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#0072b2', \
     '' index 12 using 1:2:3:4 with yerrorbars pt 9 ps 0.7 lw 1 lc rgb '#1f2f8c', \
     '' index 13 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#cc79a7', \
     '' index 14 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#56b4e9'
unset label
set label 'Table 21: memory of forward and backward' at screen 0.4056, screen 0.5399 left font ',10' tc rgb '#111111'
set lmargin at screen 0.4611
set rmargin at screen 0.7222
set bmargin at screen 0.2238
set tmargin at screen 0.5180
set logscale xy 10
set xrange [0.249316:52317.6]
set yrange [0.249316:52317.6]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'flashattention.dat' index 15 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 15 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 16 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#0072b2', \
     '' index 17 using 1:2:3:4 with yerrorbars pt 9 ps 0.7 lw 1 lc rgb '#1f2f8c', \
     '' index 18 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#cc79a7', \
     '' index 19 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#56b4e9'
unset label

unset multiplot
set terminal pngcairo size 1440,1278 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'flashattention.png'
set multiplot
set label 'Attention over 128 to 64k tokens: forward, backward, both, and memory' at screen 0.0125, screen 0.9718 left font ',13' tc rgb '#111111'
set label 'PyTorch Attention' at screen 0.7444, screen 0.8905 left font ',10' tc rgb '#111111' point pt 7 ps 0.8 lc rgb '#0072b2' offset char 1.2, 0
set label 'Local Attention' at screen 0.7444, screen 0.8638 left font ',10' tc rgb '#111111' point pt 9 ps 0.8 lc rgb '#1f2f8c' offset char 1.2, 0
set label 'Linformer' at screen 0.7444, screen 0.8372 left font ',10' tc rgb '#111111' point pt 5 ps 0.8 lc rgb '#cc79a7' offset char 1.2, 0
set label 'FlashAttention' at screen 0.7444, screen 0.8106 left font ',10' tc rgb '#111111' point pt 5 ps 0.8 lc rgb '#56b4e9' offset char 1.2, 0
set label 'Each point is a place of the table: 133 of 375 that have a published value. Dashed: equal; shaded: the tolerance stated. Bars: our intervals. Paper: Dao, Fu,' at screen 0.012, screen 0.0939 left font ',8' tc rgb '#555555'
set label 'Ermon, Rudra, Re, FlashAttention: Fast and Memory-Efficient Exact Attention with IO-Awareness, arXiv:2205.14135, NeurIPS 2022, Tables 18, 19, 20, 21 (A: read as' at screen 0.012, screen 0.0736 left font ',8' tc rgb '#555555'
set label 'numbers in the paper or from its authors). Here, scale cpu: batch 1, one head of 64, float32, 128 to 32k tokens (materialised attention to 8k), one round of at' at screen 0.012, screen 0.0532 left font ',8' tc rgb '#555555'
set label 'most half a second a cell; on the processor and not on an A100, so that ratios, slopes and orders are compared. Sweep 8fec63a7, 3cc74abf, 96953262, d17e00fb,' at screen 0.012, screen 0.0329 left font ',8' tc rgb '#555555'
set label 'e83e891b, fb6dc5c4, e749cc06, 2026-11-21, AMD EPYC, 2 cores, 24 GiB.' at screen 0.012, screen 0.0125 left font ',8' tc rgb '#555555'
set label 'Table 18: forward (ms)' at screen 0.0333, screen 0.9249 left font ',10' tc rgb '#111111'
set lmargin at screen 0.0889
set rmargin at screen 0.3500
set bmargin at screen 0.6088
set tmargin at screen 0.9030
set logscale xy 10
set xrange [0.0031547:1608.62]
set yrange [0.0031547:1608.62]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'flashattention.dat' index 0 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 0 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 1 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#0072b2', \
     '' index 2 using 1:2:3:4 with yerrorbars pt 9 ps 0.7 lw 1 lc rgb '#1f2f8c', \
     '' index 3 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#cc79a7', \
     '' index 4 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#56b4e9'
unset label
set label 'Table 19: backward (ms)' at screen 0.4056, screen 0.9249 left font ',10' tc rgb '#111111'
set lmargin at screen 0.4611
set rmargin at screen 0.7222
set bmargin at screen 0.6088
set tmargin at screen 0.9030
set logscale xy 10
set xrange [0.00737102:4452.45]
set yrange [0.00737102:4452.45]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'flashattention.dat' index 5 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 5 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 6 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#0072b2', \
     '' index 7 using 1:2:3:4 with yerrorbars pt 9 ps 0.7 lw 1 lc rgb '#1f2f8c', \
     '' index 8 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#cc79a7', \
     '' index 9 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#56b4e9'
unset label
set label 'Table 20: forward and backward (ms)' at screen 0.0333, screen 0.5399 left font ',10' tc rgb '#111111'
set lmargin at screen 0.0889
set rmargin at screen 0.3500
set bmargin at screen 0.2238
set tmargin at screen 0.5180
set logscale xy 10
set xrange [0.0106044:5437.51]
set yrange [0.0106044:5437.51]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'flashattention.dat' index 10 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 10 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 11 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#0072b2', \
     '' index 12 using 1:2:3:4 with yerrorbars pt 9 ps 0.7 lw 1 lc rgb '#1f2f8c', \
     '' index 13 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#cc79a7', \
     '' index 14 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#56b4e9'
unset label
set label 'Table 21: memory of forward and backward' at screen 0.4056, screen 0.5399 left font ',10' tc rgb '#111111'
set lmargin at screen 0.4611
set rmargin at screen 0.7222
set bmargin at screen 0.2238
set tmargin at screen 0.5180
set logscale xy 10
set xrange [0.249316:52317.6]
set yrange [0.249316:52317.6]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'flashattention.dat' index 15 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 15 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 16 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#0072b2', \
     '' index 17 using 1:2:3:4 with yerrorbars pt 9 ps 0.7 lw 1 lc rgb '#1f2f8c', \
     '' index 18 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#cc79a7', \
     '' index 19 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#56b4e9'
unset label

unset multiplot
