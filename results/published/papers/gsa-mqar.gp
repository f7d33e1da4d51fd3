# Multi-query associative recall of gated models. Made by labench; gnuplot gsa-mqar.gp draws it again from gsa-mqar.dat.
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
set output 'gsa-mqar.svg'
set multiplot
set label 'Multi-query associative recall of gated models' at screen 0.0125, screen 0.9712 left font ',13' tc rgb '#111111'
set label 'GLA' at screen 0.7444, screen 0.8880 left font ',10' tc rgb '#111111' point pt 11 ps 0.8 lc rgb '#9467bd' offset char 1.2, 0
set label 'RetNet' at screen 0.7444, screen 0.8608 left font ',10' tc rgb '#111111' point pt 9 ps 0.8 lc rgb '#8c564b' offset char 1.2, 0
set label 'Each point is a place of the table: 4 of 20 that have a published value. Dashed: equal; shaded: the tolerance stated. Bars: our intervals. Paper: Zhang, Yang,' at screen 0.012, screen 0.0960 left font ',8' tc rgb '#555555'
set label 'Zhu, Zhang, Cui et al.: Gated Slot Attention for Efficient Linear-Time Sequence Modeling, arXiv:2409.07146v2, NeurIPS 2024, Table 3a (V: recovered from the' at screen 0.012, screen 0.0752 left font ',8' tc rgb '#555555'
set label 'paper''s vector graphics). Here, scale cpu: The paper''s widths 64 and 128, of two heads, at half the length and pairs: 256 tokens with 32 pairs, vocabulary 512.' at screen 0.012, screen 0.0544 left font ',8' tc rgb '#555555'
set label 'One model a width, trained on 64 to 256 tokens with 4 to 32 pairs, 600 steps of 4096 tokens, two rates chosen on validation, one seed. Sweep 3f28014f,' at screen 0.012, screen 0.0336 left font ',8' tc rgb '#555555'
set label '2026-11-21, AMD EPYC, 2 cores, 24 GiB.' at screen 0.012, screen 0.0128 left font ',8' tc rgb '#555555'
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
plot 'gsa-mqar.dat' index 0 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 0 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 1 using 1:2:3:4 with yerrorbars pt 11 ps 0.7 lw 1 lc rgb '#9467bd', \
     '' index 2 using 1:2:3:4 with yerrorbars pt 9 ps 0.7 lw 1 lc rgb '#8c564b'
unset label

unset multiplot
set terminal pngcairo size 1440,1250 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'gsa-mqar.png'
set multiplot
set label 'Multi-query associative recall of gated models' at screen 0.0125, screen 0.9712 left font ',13' tc rgb '#111111'
set label 'GLA' at screen 0.7444, screen 0.8880 left font ',10' tc rgb '#111111' point pt 11 ps 0.8 lc rgb '#9467bd' offset char 1.2, 0
set label 'RetNet' at screen 0.7444, screen 0.8608 left font ',10' tc rgb '#111111' point pt 9 ps 0.8 lc rgb '#8c564b' offset char 1.2, 0
set label 'Each point is a place of the table: 4 of 20 that have a published value. Dashed: equal; shaded: the tolerance stated. Bars: our intervals. Paper: Zhang, Yang,' at screen 0.012, screen 0.0960 left font ',8' tc rgb '#555555'
set label 'Zhu, Zhang, Cui et al.: Gated Slot Attention for Efficient Linear-Time Sequence Modeling, arXiv:2409.07146v2, NeurIPS 2024, Table 3a (V: recovered from the' at screen 0.012, screen 0.0752 left font ',8' tc rgb '#555555'
set label 'paper''s vector graphics). Here, scale cpu: The paper''s widths 64 and 128, of two heads, at half the length and pairs: 256 tokens with 32 pairs, vocabulary 512.' at screen 0.012, screen 0.0544 left font ',8' tc rgb '#555555'
set label 'One model a width, trained on 64 to 256 tokens with 4 to 32 pairs, 600 steps of 4096 tokens, two rates chosen on validation, one seed. Sweep 3f28014f,' at screen 0.012, screen 0.0336 left font ',8' tc rgb '#555555'
set label '2026-11-21, AMD EPYC, 2 cores, 24 GiB.' at screen 0.012, screen 0.0128 left font ',8' tc rgb '#555555'
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
plot 'gsa-mqar.dat' index 0 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 0 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 1 using 1:2:3:4 with yerrorbars pt 11 ps 0.7 lw 1 lc rgb '#9467bd', \
     '' index 2 using 1:2:3:4 with yerrorbars pt 9 ps 0.7 lw 1 lc rgb '#8c564b'
unset label

unset multiplot
