# Long Range Arena: accuracy on ListOps. Made by labench; gnuplot lra-listops.gp draws it again from lra-listops.dat.
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
set output 'lra-listops.svg'
set multiplot
set label 'Long Range Arena: accuracy on ListOps' at screen 0.0125, screen 0.9712 left font ',13' tc rgb '#111111'
set label 'Transformer' at screen 0.7444, screen 0.8880 left font ',10' tc rgb '#111111' point pt 7 ps 0.8 lc rgb '#0072b2' offset char 1.2, 0
set label 'Local attention' at screen 0.7444, screen 0.8608 left font ',10' tc rgb '#111111' point pt 9 ps 0.8 lc rgb '#1f2f8c' offset char 1.2, 0
set label 'Linear Transformer' at screen 0.7444, screen 0.8336 left font ',10' tc rgb '#111111' point pt 9 ps 0.8 lc rgb '#d55e00' offset char 1.2, 0
set label 'Linformer' at screen 0.7444, screen 0.8064 left font ',10' tc rgb '#111111' point pt 5 ps 0.8 lc rgb '#cc79a7' offset char 1.2, 0
set label 'Performer' at screen 0.7444, screen 0.7792 left font ',10' tc rgb '#111111' point pt 11 ps 0.8 lc rgb '#e69f00' offset char 1.2, 0
set label 'Each point is a place of the table: 10 of 17 that have a published value. Dashed: equal; shaded: the tolerance stated. Bars: our intervals. Paper: Tay,' at screen 0.012, screen 0.0960 left font ',8' tc rgb '#555555'
set label 'Dehghani, Abnar, Shen, Bahri, Pham, Rao, Yang, Ruder, Metzler: Long Range Arena: A Benchmark for Efficient Transformers, arXiv:2011.04006, ICLR 2021, Table 1,' at screen 0.012, screen 0.0752 left font ',8' tc rgb '#555555'
set label 'column ListOps (A: read as numbers in the paper or from its authors). Here, scale cpu: 32 tokens, trees of 9 to 31; 2 layers of width 64 with 2 heads and a' at screen 0.012, screen 0.0544 left font ',8' tc rgb '#555555'
set label 'SwiGLU, learned positions, a short convolution, 1500 steps of 2048 tokens at 5e-3, one seed; window 8, 16 mixtures for Linformer. Sweep b3cdbcea, 2026-11-21,' at screen 0.012, screen 0.0336 left font ',8' tc rgb '#555555'
set label 'AMD EPYC, 2 cores, 24 GiB.' at screen 0.012, screen 0.0128 left font ',8' tc rgb '#555555'
set label 'Accuracy in percent (%)' at screen 0.0333, screen 0.9232 left font ',10' tc rgb '#111111'
set lmargin at screen 0.0889
set rmargin at screen 0.6722
set bmargin at screen 0.2288
set tmargin at screen 0.9008
unset logscale xy
set xrange [-4:104]
set yrange [-4:104]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'lra-listops.dat' index 0 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 0 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 1 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#0072b2', \
     '' index 2 using 1:2:3:4 with yerrorbars pt 9 ps 0.7 lw 1 lc rgb '#1f2f8c', \
     '' index 3 using 1:2:3:4 with yerrorbars pt 9 ps 0.7 lw 1 lc rgb '#d55e00', \
     '' index 4 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#cc79a7', \
     '' index 5 using 1:2:3:4 with yerrorbars pt 11 ps 0.7 lw 1 lc rgb '#e69f00'
unset label

unset multiplot
set terminal pngcairo size 1440,1250 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'lra-listops.png'
set multiplot
set label 'Long Range Arena: accuracy on ListOps' at screen 0.0125, screen 0.9712 left font ',13' tc rgb '#111111'
set label 'Transformer' at screen 0.7444, screen 0.8880 left font ',10' tc rgb '#111111' point pt 7 ps 0.8 lc rgb '#0072b2' offset char 1.2, 0
set label 'Local attention' at screen 0.7444, screen 0.8608 left font ',10' tc rgb '#111111' point pt 9 ps 0.8 lc rgb '#1f2f8c' offset char 1.2, 0
set label 'Linear Transformer' at screen 0.7444, screen 0.8336 left font ',10' tc rgb '#111111' point pt 9 ps 0.8 lc rgb '#d55e00' offset char 1.2, 0
set label 'Linformer' at screen 0.7444, screen 0.8064 left font ',10' tc rgb '#111111' point pt 5 ps 0.8 lc rgb '#cc79a7' offset char 1.2, 0
set label 'Performer' at screen 0.7444, screen 0.7792 left font ',10' tc rgb '#111111' point pt 11 ps 0.8 lc rgb '#e69f00' offset char 1.2, 0
set label 'Each point is a place of the table: 10 of 17 that have a published value. Dashed: equal; shaded: the tolerance stated. Bars: our intervals. Paper: Tay,' at screen 0.012, screen 0.0960 left font ',8' tc rgb '#555555'
set label 'Dehghani, Abnar, Shen, Bahri, Pham, Rao, Yang, Ruder, Metzler: Long Range Arena: A Benchmark for Efficient Transformers, arXiv:2011.04006, ICLR 2021, Table 1,' at screen 0.012, screen 0.0752 left font ',8' tc rgb '#555555'
set label 'column ListOps (A: read as numbers in the paper or from its authors). Here, scale cpu: 32 tokens, trees of 9 to 31; 2 layers of width 64 with 2 heads and a' at screen 0.012, screen 0.0544 left font ',8' tc rgb '#555555'
set label 'SwiGLU, learned positions, a short convolution, 1500 steps of 2048 tokens at 5e-3, one seed; window 8, 16 mixtures for Linformer. Sweep b3cdbcea, 2026-11-21,' at screen 0.012, screen 0.0336 left font ',8' tc rgb '#555555'
set label 'AMD EPYC, 2 cores, 24 GiB.' at screen 0.012, screen 0.0128 left font ',8' tc rgb '#555555'
set label 'Accuracy in percent (%)' at screen 0.0333, screen 0.9232 left font ',10' tc rgb '#111111'
set lmargin at screen 0.0889
set rmargin at screen 0.6722
set bmargin at screen 0.2288
set tmargin at screen 0.9008
unset logscale xy
set xrange [-4:104]
set yrange [-4:104]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'lra-listops.dat' index 0 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 0 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 1 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#0072b2', \
     '' index 2 using 1:2:3:4 with yerrorbars pt 9 ps 0.7 lw 1 lc rgb '#1f2f8c', \
     '' index 3 using 1:2:3:4 with yerrorbars pt 9 ps 0.7 lw 1 lc rgb '#d55e00', \
     '' index 4 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#cc79a7', \
     '' index 5 using 1:2:3:4 with yerrorbars pt 11 ps 0.7 lw 1 lc rgb '#e69f00'
unset label

unset multiplot
