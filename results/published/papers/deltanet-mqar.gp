# Multi-query associative recall: the delta rule against decay. Made by labench; gnuplot deltanet-mqar.gp draws it again from deltanet-mqar.dat.
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
set output 'deltanet-mqar.svg'
set multiplot
set label 'Multi-query associative recall: the delta rule against decay' at screen 0.0125, screen 0.9712 left font ',13' tc rgb '#111111'
set label 'DeltaNet' at screen 0.7444, screen 0.8880 left font ',10' tc rgb '#111111' point pt 7 ps 0.8 lc rgb '#009e73' offset char 1.2, 0
set label 'GLA' at screen 0.7444, screen 0.8608 left font ',10' tc rgb '#111111' point pt 11 ps 0.8 lc rgb '#9467bd' offset char 1.2, 0
set label 'RetNet' at screen 0.7444, screen 0.8336 left font ',10' tc rgb '#111111' point pt 9 ps 0.8 lc rgb '#8c564b' offset char 1.2, 0
set label 'Each point is a place of the table: 6 of 24 that have a published value. Dashed: equal; shaded: the tolerance stated. Bars: our intervals. Paper: Yang, Wang,' at screen 0.012, screen 0.0960 left font ',8' tc rgb '#555555'
set label 'Zhang, Shen, Kim: Parallelizing Linear Transformers with the Delta Rule over Sequence Length, arXiv:2406.06484, NeurIPS 2024, the MQAR figure (D: read off the' at screen 0.012, screen 0.0752 left font ',8' tc rgb '#555555'
set label 'authors'' figure). Here, scale cpu: The paper''s widths 64 and 128, of two heads, at half the length and pairs: 256 tokens with 32 pairs, vocabulary 512. One' at screen 0.012, screen 0.0544 left font ',8' tc rgb '#555555'
set label 'model a width, trained on 64 to 256 tokens with 4 to 32 pairs, 600 steps of 4096 tokens, two rates chosen on validation, one seed. Sweep 3f28014f, 2026-11-21,' at screen 0.012, screen 0.0336 left font ',8' tc rgb '#555555'
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
plot 'deltanet-mqar.dat' index 0 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 0 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 1 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#009e73', \
     '' index 2 using 1:2:3:4 with yerrorbars pt 11 ps 0.7 lw 1 lc rgb '#9467bd', \
     '' index 3 using 1:2:3:4 with yerrorbars pt 9 ps 0.7 lw 1 lc rgb '#8c564b'
unset label

unset multiplot
set terminal pngcairo size 1440,1250 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'deltanet-mqar.png'
set multiplot
set label 'Multi-query associative recall: the delta rule against decay' at screen 0.0125, screen 0.9712 left font ',13' tc rgb '#111111'
set label 'DeltaNet' at screen 0.7444, screen 0.8880 left font ',10' tc rgb '#111111' point pt 7 ps 0.8 lc rgb '#009e73' offset char 1.2, 0
set label 'GLA' at screen 0.7444, screen 0.8608 left font ',10' tc rgb '#111111' point pt 11 ps 0.8 lc rgb '#9467bd' offset char 1.2, 0
set label 'RetNet' at screen 0.7444, screen 0.8336 left font ',10' tc rgb '#111111' point pt 9 ps 0.8 lc rgb '#8c564b' offset char 1.2, 0
set label 'Each point is a place of the table: 6 of 24 that have a published value. Dashed: equal; shaded: the tolerance stated. Bars: our intervals. Paper: Yang, Wang,' at screen 0.012, screen 0.0960 left font ',8' tc rgb '#555555'
set label 'Zhang, Shen, Kim: Parallelizing Linear Transformers with the Delta Rule over Sequence Length, arXiv:2406.06484, NeurIPS 2024, the MQAR figure (D: read off the' at screen 0.012, screen 0.0752 left font ',8' tc rgb '#555555'
set label 'authors'' figure). Here, scale cpu: The paper''s widths 64 and 128, of two heads, at half the length and pairs: 256 tokens with 32 pairs, vocabulary 512. One' at screen 0.012, screen 0.0544 left font ',8' tc rgb '#555555'
set label 'model a width, trained on 64 to 256 tokens with 4 to 32 pairs, 600 steps of 4096 tokens, two rates chosen on validation, one seed. Sweep 3f28014f, 2026-11-21,' at screen 0.012, screen 0.0336 left font ',8' tc rgb '#555555'
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
plot 'deltanet-mqar.dat' index 0 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 0 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 1 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#009e73', \
     '' index 2 using 1:2:3:4 with yerrorbars pt 11 ps 0.7 lw 1 lc rgb '#9467bd', \
     '' index 3 using 1:2:3:4 with yerrorbars pt 9 ps 0.7 lw 1 lc rgb '#8c564b'
unset label

unset multiplot
