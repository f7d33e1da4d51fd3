# Speed and memory of efficient transformers, relative to softmax attention. Made by labench; gnuplot lra-speed.gp draws it again from lra-speed.dat.
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
set terminal svg size 720,393 fixed enhanced font 'DejaVu Sans,11' background rgb '#ffffff'
set output 'lra-speed.svg'
set multiplot
set label 'Speed and memory of efficient transformers, relative to softmax attention' at screen 0.0125, screen 0.9542 left font ',13' tc rgb '#111111'
set label 'Local attention' at screen 0.7444, screen 0.8219 left font ',10' tc rgb '#111111' point pt 9 ps 0.8 lc rgb '#1f2f8c' offset char 1.2, 0
set label 'Linformer' at screen 0.7444, screen 0.7786 left font ',10' tc rgb '#111111' point pt 5 ps 0.8 lc rgb '#cc79a7' offset char 1.2, 0
set label 'Linear Transformer' at screen 0.7444, screen 0.7354 left font ',10' tc rgb '#111111' point pt 9 ps 0.8 lc rgb '#d55e00' offset char 1.2, 0
set label 'Performer' at screen 0.7444, screen 0.6921 left font ',10' tc rgb '#111111' point pt 11 ps 0.8 lc rgb '#e69f00' offset char 1.2, 0
set label 'Each point is a place of the table: 32 of 72 that have a published value. Dashed: equal; shaded: the tolerance stated. Bars: our intervals. Paper: Tay,' at screen 0.012, screen 0.1527 left font ',8' tc rgb '#555555'
set label 'Dehghani, Abnar, Shen, Bahri, Pham, Rao, Yang, Ruder, Metzler, Long Range Arena: A Benchmark for Efficient Transformers, arXiv:2011.04006, ICLR 2021, Table 2' at screen 0.012, screen 0.1196 left font ',8' tc rgb '#555555'
set label '(B: read as numbers in a full copy of the paper, or in two that agree). Here, scale cpu: attention alone forward and backward, without model and optimiser,' at screen 0.012, screen 0.0865 left font ',8' tc rgb '#555555'
set label 'batch 1, 4 heads of 64, float32, not causal, one round of at most half a second a cell; what is beside attention costs all models the same, so ratios of' at screen 0.012, screen 0.0534 left font ',8' tc rgb '#555555'
set label 'attention alone are larger. Local attention sees 127 tokens on each side. Sweep 410b505c, 2026-11-21, AMD EPYC, 2 cores, 24 GiB.' at screen 0.012, screen 0.0204 left font ',8' tc rgb '#555555'
set label 'Steps a second, Transformer = 1' at screen 0.0333, screen 0.8779 left font ',10' tc rgb '#111111'
set lmargin at screen 0.0889
set rmargin at screen 0.3500
set bmargin at screen 0.3639
set tmargin at screen 0.8422
set logscale xy 10
set xrange [0.898616:58.0639]
set yrange [0.898616:58.0639]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'lra-speed.dat' index 0 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 0 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 1 using 1:2:3:4 with yerrorbars pt 9 ps 0.7 lw 1 lc rgb '#1f2f8c', \
     '' index 2 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#cc79a7', \
     '' index 3 using 1:2:3:4 with yerrorbars pt 9 ps 0.7 lw 1 lc rgb '#d55e00', \
     '' index 4 using 1:2:3:4 with yerrorbars pt 11 ps 0.7 lw 1 lc rgb '#e69f00'
unset label
set label 'Peak memory, Transformer = 1' at screen 0.4056, screen 0.8779 left font ',10' tc rgb '#111111'
set lmargin at screen 0.4611
set rmargin at screen 0.7222
set bmargin at screen 0.3639
set tmargin at screen 0.8422
set logscale xy 10
set xrange [0.0509858:0.561905]
set yrange [0.0509858:0.561905]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'lra-speed.dat' index 5 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 5 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 6 using 1:2:3:4 with yerrorbars pt 9 ps 0.7 lw 1 lc rgb '#1f2f8c', \
     '' index 7 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#cc79a7', \
     '' index 8 using 1:2:3:4 with yerrorbars pt 9 ps 0.7 lw 1 lc rgb '#d55e00', \
     '' index 9 using 1:2:3:4 with yerrorbars pt 11 ps 0.7 lw 1 lc rgb '#e69f00'
unset label

unset multiplot
set terminal pngcairo size 1440,786 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'lra-speed.png'
set multiplot
set label 'Speed and memory of efficient transformers, relative to softmax attention' at screen 0.0125, screen 0.9542 left font ',13' tc rgb '#111111'
set label 'Local attention' at screen 0.7444, screen 0.8219 left font ',10' tc rgb '#111111' point pt 9 ps 0.8 lc rgb '#1f2f8c' offset char 1.2, 0
set label 'Linformer' at screen 0.7444, screen 0.7786 left font ',10' tc rgb '#111111' point pt 5 ps 0.8 lc rgb '#cc79a7' offset char 1.2, 0
set label 'Linear Transformer' at screen 0.7444, screen 0.7354 left font ',10' tc rgb '#111111' point pt 9 ps 0.8 lc rgb '#d55e00' offset char 1.2, 0
set label 'Performer' at screen 0.7444, screen 0.6921 left font ',10' tc rgb '#111111' point pt 11 ps 0.8 lc rgb '#e69f00' offset char 1.2, 0
set label 'Each point is a place of the table: 32 of 72 that have a published value. Dashed: equal; shaded: the tolerance stated. Bars: our intervals. Paper: Tay,' at screen 0.012, screen 0.1527 left font ',8' tc rgb '#555555'
set label 'Dehghani, Abnar, Shen, Bahri, Pham, Rao, Yang, Ruder, Metzler, Long Range Arena: A Benchmark for Efficient Transformers, arXiv:2011.04006, ICLR 2021, Table 2' at screen 0.012, screen 0.1196 left font ',8' tc rgb '#555555'
set label '(B: read as numbers in a full copy of the paper, or in two that agree). Here, scale cpu: attention alone forward and backward, without model and optimiser,' at screen 0.012, screen 0.0865 left font ',8' tc rgb '#555555'
set label 'batch 1, 4 heads of 64, float32, not causal, one round of at most half a second a cell; what is beside attention costs all models the same, so ratios of' at screen 0.012, screen 0.0534 left font ',8' tc rgb '#555555'
set label 'attention alone are larger. Local attention sees 127 tokens on each side. Sweep 410b505c, 2026-11-21, AMD EPYC, 2 cores, 24 GiB.' at screen 0.012, screen 0.0204 left font ',8' tc rgb '#555555'
set label 'Steps a second, Transformer = 1' at screen 0.0333, screen 0.8779 left font ',10' tc rgb '#111111'
set lmargin at screen 0.0889
set rmargin at screen 0.3500
set bmargin at screen 0.3639
set tmargin at screen 0.8422
set logscale xy 10
set xrange [0.898616:58.0639]
set yrange [0.898616:58.0639]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'lra-speed.dat' index 0 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 0 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 1 using 1:2:3:4 with yerrorbars pt 9 ps 0.7 lw 1 lc rgb '#1f2f8c', \
     '' index 2 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#cc79a7', \
     '' index 3 using 1:2:3:4 with yerrorbars pt 9 ps 0.7 lw 1 lc rgb '#d55e00', \
     '' index 4 using 1:2:3:4 with yerrorbars pt 11 ps 0.7 lw 1 lc rgb '#e69f00'
unset label
set label 'Peak memory, Transformer = 1' at screen 0.4056, screen 0.8779 left font ',10' tc rgb '#111111'
set lmargin at screen 0.4611
set rmargin at screen 0.7222
set bmargin at screen 0.3639
set tmargin at screen 0.8422
set logscale xy 10
set xrange [0.0509858:0.561905]
set yrange [0.0509858:0.561905]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'lra-speed.dat' index 5 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 5 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 6 using 1:2:3:4 with yerrorbars pt 9 ps 0.7 lw 1 lc rgb '#1f2f8c', \
     '' index 7 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#cc79a7', \
     '' index 8 using 1:2:3:4 with yerrorbars pt 9 ps 0.7 lw 1 lc rgb '#d55e00', \
     '' index 9 using 1:2:3:4 with yerrorbars pt 11 ps 0.7 lw 1 lc rgb '#e69f00'
unset label

unset multiplot
