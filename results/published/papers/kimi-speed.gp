# Kimi delta attention: kernel time against a general DPLR, and time of a decoded token. Made by labench; gnuplot kimi-speed.gp draws it again from kimi-speed.dat.
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
set output 'kimi-speed.svg'
set multiplot
set label 'Kimi delta attention: kernel time against a general DPLR, and time of a decoded token' at screen 0.0125, screen 0.9526 left font ',13' tc rgb '#111111'
set label 'DPLR' at screen 0.7444, screen 0.8158 left font ',10' tc rgb '#111111' point pt 5 ps 0.8 lc rgb '#8a8a00' offset char 1.2, 0
set label 'KDA' at screen 0.7444, screen 0.7711 left font ',10' tc rgb '#111111' point pt 15 ps 0.8 lc rgb '#00bcd4' offset char 1.2, 0
set label 'MLA' at screen 0.7444, screen 0.7263 left font ',10' tc rgb '#111111' point pt 7 ps 0.8 lc rgb '#0072b2' offset char 1.2, 0
set label 'Kimi Linear' at screen 0.7444, screen 0.6816 left font ',10' tc rgb '#111111' point pt 7 ps 0.8 lc rgb '#00bcd4' offset char 1.2, 0
set label 'Each point is a place of the table: 18 of 39 that have a published value. Dashed: equal; shaded: the tolerance stated. Bars: our intervals. Paper: Kimi Team,' at screen 0.012, screen 0.1237 left font ',8' tc rgb '#555555'
set label 'Kimi Linear: An Expressive, Efficient Attention Architecture, arXiv:2510.26692, 2025, Figures 2 and 7b (V: recovered from the paper''s vector graphics). Here,' at screen 0.012, screen 0.0895 left font ',8' tc rgb '#555555'
set label 'scale cpu: two heads of 64, float32, up to 16k tokens of forward and backward and up to 64k of decoding, one round of at most half a second a cell. Sweep' at screen 0.012, screen 0.0553 left font ',8' tc rgb '#555555'
set label '17df8ad2, 773167db, 2026-11-21, AMD EPYC, 2 cores, 24 GiB.' at screen 0.012, screen 0.0211 left font ',8' tc rgb '#555555'
set label 'Figure 2: time of a call (ms)' at screen 0.0333, screen 0.8737 left font ',10' tc rgb '#111111'
set lmargin at screen 0.0889
set rmargin at screen 0.3500
set bmargin at screen 0.3421
set tmargin at screen 0.8368
set logscale xy 10
set xrange [1.37709:56.3313]
set yrange [1.37709:56.3313]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'kimi-speed.dat' index 0 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 0 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 1 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#8a8a00', \
     '' index 2 using 1:2:3:4 with yerrorbars pt 15 ps 0.7 lw 1 lc rgb '#00bcd4'
unset label
set label 'Figure 7b: time per output token (ms)' at screen 0.4056, screen 0.8737 left font ',10' tc rgb '#111111'
set lmargin at screen 0.4611
set rmargin at screen 0.7222
set bmargin at screen 0.3421
set tmargin at screen 0.8368
set logscale xy 10
set xrange [0.000458986:11.8564]
set yrange [0.000458986:11.8564]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'kimi-speed.dat' index 3 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 3 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 4 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#0072b2', \
     '' index 5 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#00bcd4'
unset label

unset multiplot
set terminal pngcairo size 1440,760 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'kimi-speed.png'
set multiplot
set label 'Kimi delta attention: kernel time against a general DPLR, and time of a decoded token' at screen 0.0125, screen 0.9526 left font ',13' tc rgb '#111111'
set label 'DPLR' at screen 0.7444, screen 0.8158 left font ',10' tc rgb '#111111' point pt 5 ps 0.8 lc rgb '#8a8a00' offset char 1.2, 0
set label 'KDA' at screen 0.7444, screen 0.7711 left font ',10' tc rgb '#111111' point pt 15 ps 0.8 lc rgb '#00bcd4' offset char 1.2, 0
set label 'MLA' at screen 0.7444, screen 0.7263 left font ',10' tc rgb '#111111' point pt 7 ps 0.8 lc rgb '#0072b2' offset char 1.2, 0
set label 'Kimi Linear' at screen 0.7444, screen 0.6816 left font ',10' tc rgb '#111111' point pt 7 ps 0.8 lc rgb '#00bcd4' offset char 1.2, 0
set label 'Each point is a place of the table: 18 of 39 that have a published value. Dashed: equal; shaded: the tolerance stated. Bars: our intervals. Paper: Kimi Team,' at screen 0.012, screen 0.1237 left font ',8' tc rgb '#555555'
set label 'Kimi Linear: An Expressive, Efficient Attention Architecture, arXiv:2510.26692, 2025, Figures 2 and 7b (V: recovered from the paper''s vector graphics). Here,' at screen 0.012, screen 0.0895 left font ',8' tc rgb '#555555'
set label 'scale cpu: two heads of 64, float32, up to 16k tokens of forward and backward and up to 64k of decoding, one round of at most half a second a cell. Sweep' at screen 0.012, screen 0.0553 left font ',8' tc rgb '#555555'
set label '17df8ad2, 773167db, 2026-11-21, AMD EPYC, 2 cores, 24 GiB.' at screen 0.012, screen 0.0211 left font ',8' tc rgb '#555555'
set label 'Figure 2: time of a call (ms)' at screen 0.0333, screen 0.8737 left font ',10' tc rgb '#111111'
set lmargin at screen 0.0889
set rmargin at screen 0.3500
set bmargin at screen 0.3421
set tmargin at screen 0.8368
set logscale xy 10
set xrange [1.37709:56.3313]
set yrange [1.37709:56.3313]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'kimi-speed.dat' index 0 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 0 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 1 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#8a8a00', \
     '' index 2 using 1:2:3:4 with yerrorbars pt 15 ps 0.7 lw 1 lc rgb '#00bcd4'
unset label
set label 'Figure 7b: time per output token (ms)' at screen 0.4056, screen 0.8737 left font ',10' tc rgb '#111111'
set lmargin at screen 0.4611
set rmargin at screen 0.7222
set bmargin at screen 0.3421
set tmargin at screen 0.8368
set logscale xy 10
set xrange [0.000458986:11.8564]
set yrange [0.000458986:11.8564]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'kimi-speed.dat' index 3 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 3 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 4 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#0072b2', \
     '' index 5 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#00bcd4'
unset label

unset multiplot
