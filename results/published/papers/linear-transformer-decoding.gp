# Generation: recomputed softmax, cached softmax, linear attention. Made by labench; gnuplot linear-transformer-decoding.gp draws it again from linear-transformer-decoding.dat.
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
set output 'linear-transformer-decoding.svg'
set multiplot
set label 'Generation: recomputed softmax, cached softmax, linear attention' at screen 0.0125, screen 0.9542 left font ',13' tc rgb '#111111'
set label 'Softmax' at screen 0.7444, screen 0.8219 left font ',10' tc rgb '#111111' point pt 7 ps 0.8 lc rgb '#0072b2' offset char 1.2, 0
set label 'Stateful softmax' at screen 0.7444, screen 0.7786 left font ',10' tc rgb '#111111' point pt 5 ps 0.8 lc rgb '#0072b2' offset char 1.2, 0
set label 'Linear' at screen 0.7444, screen 0.7354 left font ',10' tc rgb '#111111' point pt 9 ps 0.8 lc rgb '#d55e00' offset char 1.2, 0
set label 'Each point is a place of the table: 8 of 20 that have a published value. Dashed: equal; shaded: the tolerance stated. Bars: our intervals. Paper: Katharopoulos,' at screen 0.012, screen 0.1527 left font ',8' tc rgb '#555555'
set label 'Vyas, Pappas, Fleuret, Transformers are RNNs: Fast Autoregressive Transformers with Linear Attention, arXiv:2006.16236, ICML 2020, Tables 1, 2, 4, 5 (B: read as' at screen 0.012, screen 0.1196 left font ',8' tc rgb '#555555'
set label 'numbers in a full copy of the paper, or in two that agree). Here, scale cpu: attention alone, without projections and feed-forward layers, float32; latency at' at screen 0.012, screen 0.0865 left font ',8' tc rgb '#555555'
set label 'batch 1, throughput at batch 16 for all; the last token of a sequence instead of all; one round of at most half a second a cell. Sweep 187dcdba, 2026-11-21, AMD' at screen 0.012, screen 0.0534 left font ',8' tc rgb '#555555'
set label 'EPYC, 2 cores, 24 GiB.' at screen 0.012, screen 0.0204 left font ',8' tc rgb '#555555'
set label 'Table 5: latency on a CPU, linear = 1' at screen 0.0333, screen 0.8779 left font ',10' tc rgb '#111111'
set lmargin at screen 0.0889
set rmargin at screen 0.3500
set bmargin at screen 0.3639
set tmargin at screen 0.8422
set logscale xy 10
set xrange [0.717506:89668.3]
set yrange [0.717506:89668.3]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'linear-transformer-decoding.dat' index 0 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 0 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 1 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#0072b2', \
     '' index 2 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#0072b2'
unset label
set label 'Tables 1, 2, 4: images a second, recomputed softmax = 1' at screen 0.4056, screen 0.8779 left font ',10' tc rgb '#111111'
set lmargin at screen 0.4611
set rmargin at screen 0.7222
set bmargin at screen 0.3639
set tmargin at screen 0.8422
set logscale xy 10
set xrange [10.3331:90026.6]
set yrange [10.3331:90026.6]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'linear-transformer-decoding.dat' index 3 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 3 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 4 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#0072b2', \
     '' index 5 using 1:2:3:4 with yerrorbars pt 9 ps 0.7 lw 1 lc rgb '#d55e00'
unset label

unset multiplot
set terminal pngcairo size 1440,786 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'linear-transformer-decoding.png'
set multiplot
set label 'Generation: recomputed softmax, cached softmax, linear attention' at screen 0.0125, screen 0.9542 left font ',13' tc rgb '#111111'
set label 'Softmax' at screen 0.7444, screen 0.8219 left font ',10' tc rgb '#111111' point pt 7 ps 0.8 lc rgb '#0072b2' offset char 1.2, 0
set label 'Stateful softmax' at screen 0.7444, screen 0.7786 left font ',10' tc rgb '#111111' point pt 5 ps 0.8 lc rgb '#0072b2' offset char 1.2, 0
set label 'Linear' at screen 0.7444, screen 0.7354 left font ',10' tc rgb '#111111' point pt 9 ps 0.8 lc rgb '#d55e00' offset char 1.2, 0
set label 'Each point is a place of the table: 8 of 20 that have a published value. Dashed: equal; shaded: the tolerance stated. Bars: our intervals. Paper: Katharopoulos,' at screen 0.012, screen 0.1527 left font ',8' tc rgb '#555555'
set label 'Vyas, Pappas, Fleuret, Transformers are RNNs: Fast Autoregressive Transformers with Linear Attention, arXiv:2006.16236, ICML 2020, Tables 1, 2, 4, 5 (B: read as' at screen 0.012, screen 0.1196 left font ',8' tc rgb '#555555'
set label 'numbers in a full copy of the paper, or in two that agree). Here, scale cpu: attention alone, without projections and feed-forward layers, float32; latency at' at screen 0.012, screen 0.0865 left font ',8' tc rgb '#555555'
set label 'batch 1, throughput at batch 16 for all; the last token of a sequence instead of all; one round of at most half a second a cell. Sweep 187dcdba, 2026-11-21, AMD' at screen 0.012, screen 0.0534 left font ',8' tc rgb '#555555'
set label 'EPYC, 2 cores, 24 GiB.' at screen 0.012, screen 0.0204 left font ',8' tc rgb '#555555'
set label 'Table 5: latency on a CPU, linear = 1' at screen 0.0333, screen 0.8779 left font ',10' tc rgb '#111111'
set lmargin at screen 0.0889
set rmargin at screen 0.3500
set bmargin at screen 0.3639
set tmargin at screen 0.8422
set logscale xy 10
set xrange [0.717506:89668.3]
set yrange [0.717506:89668.3]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'linear-transformer-decoding.dat' index 0 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 0 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 1 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#0072b2', \
     '' index 2 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#0072b2'
unset label
set label 'Tables 1, 2, 4: images a second, recomputed softmax = 1' at screen 0.4056, screen 0.8779 left font ',10' tc rgb '#111111'
set lmargin at screen 0.4611
set rmargin at screen 0.7222
set bmargin at screen 0.3639
set tmargin at screen 0.8422
set logscale xy 10
set xrange [10.3331:90026.6]
set yrange [10.3331:90026.6]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'linear-transformer-decoding.dat' index 3 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 3 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 4 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#0072b2', \
     '' index 5 using 1:2:3:4 with yerrorbars pt 9 ps 0.7 lw 1 lc rgb '#d55e00'
unset label

unset multiplot
