# Time and memory that Linformer saves, over length n and projected dimension k. Made by labench; gnuplot linformer.gp draws it again from linformer.dat.
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
set terminal svg size 720,380 fixed enhanced font 'DejaVu Sans,11' background rgb '#ffffff'
set output 'linformer.svg'
set multiplot
set label 'Time and memory that Linformer saves, over length n and projected dimension k' at screen 0.0125, screen 0.9526 left font ',13' tc rgb '#111111'
set label 'k = 128' at screen 0.7444, screen 0.8158 left font ',10' tc rgb '#111111' point pt 5 ps 0.8 lc rgb '#cc79a7' offset char 1.2, 0
set label 'k = 256' at screen 0.7444, screen 0.7711 left font ',10' tc rgb '#111111' point pt 9 ps 0.8 lc rgb '#cc79a7' offset char 1.2, 0
set label 'k = 512' at screen 0.7444, screen 0.7263 left font ',10' tc rgb '#111111' point pt 11 ps 0.8 lc rgb '#cc79a7' offset char 1.2, 0
set label 'k = 1024' at screen 0.7444, screen 0.6816 left font ',10' tc rgb '#111111' point pt 13 ps 0.8 lc rgb '#cc79a7' offset char 1.2, 0
set label 'k = 2048' at screen 0.7444, screen 0.6368 left font ',10' tc rgb '#111111' point pt 15 ps 0.8 lc rgb '#cc79a7' offset char 1.2, 0
set label 'Each point is a place of the table: 48 of 68 that have a published value. Dashed: equal; shaded: the tolerance stated. Bars: our intervals. Paper: Wang, Li,' at screen 0.012, screen 0.1237 left font ',8' tc rgb '#555555'
set label 'Khabsa, Fang, Ma, Linformer: Self-Attention with Linear Complexity, arXiv:2006.04768, 2020, Table 3 (B: read as numbers in a full copy of the paper, or in two' at screen 0.012, screen 0.0895 left font ',8' tc rgb '#555555'
set label 'that agree). Here, scale cpu: attention alone, batch 1, one head of 64, float32, up to 16k tokens, one round of at most half a second a cell; the baseline keeps' at screen 0.012, screen 0.0553 left font ',8' tc rgb '#555555'
set label 'all scores in memory, as theirs does. Sweep 3767725d, 2026-11-21, AMD EPYC, 2 cores, 24 GiB.' at screen 0.012, screen 0.0211 left font ',8' tc rgb '#555555'
set label 'Time saved' at screen 0.0333, screen 0.8737 left font ',10' tc rgb '#111111'
set lmargin at screen 0.0889
set rmargin at screen 0.3500
set bmargin at screen 0.3421
set tmargin at screen 0.8368
set logscale xy 10
set xrange [0.603004:73.7394]
set yrange [0.603004:73.7394]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'linformer.dat' index 0 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 0 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 1 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#cc79a7', \
     '' index 2 using 1:2:3:4 with yerrorbars pt 9 ps 0.7 lw 1 lc rgb '#cc79a7', \
     '' index 3 using 1:2:3:4 with yerrorbars pt 11 ps 0.7 lw 1 lc rgb '#cc79a7', \
     '' index 4 using 1:2:3:4 with yerrorbars pt 13 ps 0.7 lw 1 lc rgb '#cc79a7', \
     '' index 5 using 1:2:3:4 with yerrorbars pt 15 ps 0.7 lw 1 lc rgb '#cc79a7'
unset label
set label 'Memory saved' at screen 0.4056, screen 0.8737 left font ',10' tc rgb '#111111'
set lmargin at screen 0.4611
set rmargin at screen 0.7222
set bmargin at screen 0.3421
set tmargin at screen 0.8368
set logscale xy 10
set xrange [0.960228:3966.67]
set yrange [0.960228:3966.67]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'linformer.dat' index 6 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 6 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 7 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#cc79a7', \
     '' index 8 using 1:2:3:4 with yerrorbars pt 9 ps 0.7 lw 1 lc rgb '#cc79a7', \
     '' index 9 using 1:2:3:4 with yerrorbars pt 11 ps 0.7 lw 1 lc rgb '#cc79a7', \
     '' index 10 using 1:2:3:4 with yerrorbars pt 13 ps 0.7 lw 1 lc rgb '#cc79a7', \
     '' index 11 using 1:2:3:4 with yerrorbars pt 15 ps 0.7 lw 1 lc rgb '#cc79a7'
unset label

unset multiplot
set terminal pngcairo size 1440,760 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'linformer.png'
set multiplot
set label 'Time and memory that Linformer saves, over length n and projected dimension k' at screen 0.0125, screen 0.9526 left font ',13' tc rgb '#111111'
set label 'k = 128' at screen 0.7444, screen 0.8158 left font ',10' tc rgb '#111111' point pt 5 ps 0.8 lc rgb '#cc79a7' offset char 1.2, 0
set label 'k = 256' at screen 0.7444, screen 0.7711 left font ',10' tc rgb '#111111' point pt 9 ps 0.8 lc rgb '#cc79a7' offset char 1.2, 0
set label 'k = 512' at screen 0.7444, screen 0.7263 left font ',10' tc rgb '#111111' point pt 11 ps 0.8 lc rgb '#cc79a7' offset char 1.2, 0
set label 'k = 1024' at screen 0.7444, screen 0.6816 left font ',10' tc rgb '#111111' point pt 13 ps 0.8 lc rgb '#cc79a7' offset char 1.2, 0
set label 'k = 2048' at screen 0.7444, screen 0.6368 left font ',10' tc rgb '#111111' point pt 15 ps 0.8 lc rgb '#cc79a7' offset char 1.2, 0
set label 'Each point is a place of the table: 48 of 68 that have a published value. Dashed: equal; shaded: the tolerance stated. Bars: our intervals. Paper: Wang, Li,' at screen 0.012, screen 0.1237 left font ',8' tc rgb '#555555'
set label 'Khabsa, Fang, Ma, Linformer: Self-Attention with Linear Complexity, arXiv:2006.04768, 2020, Table 3 (B: read as numbers in a full copy of the paper, or in two' at screen 0.012, screen 0.0895 left font ',8' tc rgb '#555555'
set label 'that agree). Here, scale cpu: attention alone, batch 1, one head of 64, float32, up to 16k tokens, one round of at most half a second a cell; the baseline keeps' at screen 0.012, screen 0.0553 left font ',8' tc rgb '#555555'
set label 'all scores in memory, as theirs does. Sweep 3767725d, 2026-11-21, AMD EPYC, 2 cores, 24 GiB.' at screen 0.012, screen 0.0211 left font ',8' tc rgb '#555555'
set label 'Time saved' at screen 0.0333, screen 0.8737 left font ',10' tc rgb '#111111'
set lmargin at screen 0.0889
set rmargin at screen 0.3500
set bmargin at screen 0.3421
set tmargin at screen 0.8368
set logscale xy 10
set xrange [0.603004:73.7394]
set yrange [0.603004:73.7394]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'linformer.dat' index 0 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 0 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 1 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#cc79a7', \
     '' index 2 using 1:2:3:4 with yerrorbars pt 9 ps 0.7 lw 1 lc rgb '#cc79a7', \
     '' index 3 using 1:2:3:4 with yerrorbars pt 11 ps 0.7 lw 1 lc rgb '#cc79a7', \
     '' index 4 using 1:2:3:4 with yerrorbars pt 13 ps 0.7 lw 1 lc rgb '#cc79a7', \
     '' index 5 using 1:2:3:4 with yerrorbars pt 15 ps 0.7 lw 1 lc rgb '#cc79a7'
unset label
set label 'Memory saved' at screen 0.4056, screen 0.8737 left font ',10' tc rgb '#111111'
set lmargin at screen 0.4611
set rmargin at screen 0.7222
set bmargin at screen 0.3421
set tmargin at screen 0.8368
set logscale xy 10
set xrange [0.960228:3966.67]
set yrange [0.960228:3966.67]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'linformer.dat' index 6 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 6 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 7 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#cc79a7', \
     '' index 8 using 1:2:3:4 with yerrorbars pt 9 ps 0.7 lw 1 lc rgb '#cc79a7', \
     '' index 9 using 1:2:3:4 with yerrorbars pt 11 ps 0.7 lw 1 lc rgb '#cc79a7', \
     '' index 10 using 1:2:3:4 with yerrorbars pt 13 ps 0.7 lw 1 lc rgb '#cc79a7', \
     '' index 11 using 1:2:3:4 with yerrorbars pt 15 ps 0.7 lw 1 lc rgb '#cc79a7'
unset label

unset multiplot
