# State tracking with and without negative eigenvalues. Made by labench; gnuplot parity.gp draws it again from parity.dat.
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
set terminal svg size 720,625 fixed enhanced font 'DejaVu Sans,11' background rgb '#ffffff'
set output 'parity.svg'
set multiplot
set label 'State tracking with and without negative eigenvalues' at screen 0.0125, screen 0.9712 left font ',13' tc rgb '#111111'
set label 'Transformer' at screen 0.7444, screen 0.8880 left font ',10' tc rgb '#111111' point pt 7 ps 0.8 lc rgb '#0072b2' offset char 1.2, 0
set label 'DeltaNet [0, 1]' at screen 0.7444, screen 0.8608 left font ',10' tc rgb '#111111' point pt 7 ps 0.8 lc rgb '#009e73' offset char 1.2, 0
set label 'DeltaNet [-1, 1]' at screen 0.7444, screen 0.8336 left font ',10' tc rgb '#111111' point pt 5 ps 0.8 lc rgb '#009e73' offset char 1.2, 0
set label 'Each point is a place of the table: 3 of 21 that have a published value. Dashed: equal; shaded: the tolerance stated. Bars: our intervals. Paper: Grazzi, Siems,' at screen 0.012, screen 0.0960 left font ',8' tc rgb '#555555'
set label 'Zela, Franke, Hutter, Pontil: Unlocking State-Tracking in Linear RNNs Through Negative Eigenvalues, arXiv:2411.12537, ICLR 2025, Table 3 (B: read as numbers in' at screen 0.012, screen 0.0752 left font ',8' tc rgb '#555555'
set label 'a full copy of the paper, or in two that agree). Here, scale cpu: Width 64 with 2 heads, 600 steps of 4096 tokens at 1e-2, ended early when validation is' at screen 0.012, screen 0.0544 left font ',8' tc rgb '#555555'
set label 'perfect; trained on 16 lengths from 3 to 40, tested on 80, 120, 160, 200 and 240 with 128 strings each; best of 3 seeds. Modular arithmetic is left out: at the' at screen 0.012, screen 0.0336 left font ',8' tc rgb '#555555'
set label 'paper''s lengths it is learned only after some 10,000 steps. Sweep c01d2109, 65a277aa, 2026-11-21, AMD EPYC, 2 cores, 24 GiB.' at screen 0.012, screen 0.0128 left font ',8' tc rgb '#555555'
set label 'Scaled accuracy beyond the trained lengths (1: perfect, 0: chance)' at screen 0.0333, screen 0.9232 left font ',10' tc rgb '#111111'
set lmargin at screen 0.0889
set rmargin at screen 0.6722
set bmargin at screen 0.2288
set tmargin at screen 0.9008
unset logscale xy
set xrange [-0.222637:1.04]
set yrange [-0.222637:1.04]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'parity.dat' index 0 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 0 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 1 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#0072b2', \
     '' index 2 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#009e73', \
     '' index 3 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#009e73'
unset label

unset multiplot
set terminal pngcairo size 1440,1250 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'parity.png'
set multiplot
set label 'State tracking with and without negative eigenvalues' at screen 0.0125, screen 0.9712 left font ',13' tc rgb '#111111'
set label 'Transformer' at screen 0.7444, screen 0.8880 left font ',10' tc rgb '#111111' point pt 7 ps 0.8 lc rgb '#0072b2' offset char 1.2, 0
set label 'DeltaNet [0, 1]' at screen 0.7444, screen 0.8608 left font ',10' tc rgb '#111111' point pt 7 ps 0.8 lc rgb '#009e73' offset char 1.2, 0
set label 'DeltaNet [-1, 1]' at screen 0.7444, screen 0.8336 left font ',10' tc rgb '#111111' point pt 5 ps 0.8 lc rgb '#009e73' offset char 1.2, 0
set label 'Each point is a place of the table: 3 of 21 that have a published value. Dashed: equal; shaded: the tolerance stated. Bars: our intervals. Paper: Grazzi, Siems,' at screen 0.012, screen 0.0960 left font ',8' tc rgb '#555555'
set label 'Zela, Franke, Hutter, Pontil: Unlocking State-Tracking in Linear RNNs Through Negative Eigenvalues, arXiv:2411.12537, ICLR 2025, Table 3 (B: read as numbers in' at screen 0.012, screen 0.0752 left font ',8' tc rgb '#555555'
set label 'a full copy of the paper, or in two that agree). Here, scale cpu: Width 64 with 2 heads, 600 steps of 4096 tokens at 1e-2, ended early when validation is' at screen 0.012, screen 0.0544 left font ',8' tc rgb '#555555'
set label 'perfect; trained on 16 lengths from 3 to 40, tested on 80, 120, 160, 200 and 240 with 128 strings each; best of 3 seeds. Modular arithmetic is left out: at the' at screen 0.012, screen 0.0336 left font ',8' tc rgb '#555555'
set label 'paper''s lengths it is learned only after some 10,000 steps. Sweep c01d2109, 65a277aa, 2026-11-21, AMD EPYC, 2 cores, 24 GiB.' at screen 0.012, screen 0.0128 left font ',8' tc rgb '#555555'
set label 'Scaled accuracy beyond the trained lengths (1: perfect, 0: chance)' at screen 0.0333, screen 0.9232 left font ',10' tc rgb '#111111'
set lmargin at screen 0.0889
set rmargin at screen 0.6722
set bmargin at screen 0.2288
set tmargin at screen 0.9008
unset logscale xy
set xrange [-0.222637:1.04]
set yrange [-0.222637:1.04]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'parity.dat' index 0 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 0 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 1 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#0072b2', \
     '' index 2 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#009e73', \
     '' index 3 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#009e73'
unset label

unset multiplot
