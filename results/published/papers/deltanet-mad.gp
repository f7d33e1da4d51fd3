# MAD: six synthetic tasks. Made by labench; gnuplot deltanet-mad.gp draws it again from deltanet-mad.dat.
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
set terminal svg size 720,638 fixed enhanced font 'DejaVu Sans,11' background rgb '#ffffff'
set output 'deltanet-mad.svg'
set multiplot
set label 'MAD: six synthetic tasks' at screen 0.0125, screen 0.9718 left font ',13' tc rgb '#111111'
set label 'Transformer' at screen 0.7444, screen 0.8903 left font ',10' tc rgb '#111111' point pt 7 ps 0.8 lc rgb '#0072b2' offset char 1.2, 0
set label 'GLA' at screen 0.7444, screen 0.8636 left font ',10' tc rgb '#111111' point pt 11 ps 0.8 lc rgb '#9467bd' offset char 1.2, 0
set label 'DeltaNet' at screen 0.7444, screen 0.8370 left font ',10' tc rgb '#111111' point pt 7 ps 0.8 lc rgb '#009e73' offset char 1.2, 0
set label 'Each point is a place of the table: 18 of 36 that have a published value. Dashed: equal; shaded: the tolerance stated. Bars: our intervals. Paper: Yang, Wang,' at screen 0.012, screen 0.1144 left font ',8' tc rgb '#555555'
set label 'Zhang, Shen, Kim: Parallelizing Linear Transformers with the Delta Rule over Sequence Length, arXiv:2406.06484, NeurIPS 2024. Rows other than DeltaNet are from' at screen 0.012, screen 0.0940 left font ',8' tc rgb '#555555'
set label 'Poli et al.: Mechanistic Design and Scaling of Hybrid Architectures, arXiv:2403.17844, the MAD table (A: read as numbers in the paper or from its authors).' at screen 0.012, screen 0.0737 left font ',8' tc rgb '#555555'
set label 'Here, scale cpu: The baseline of each task alone, 1 of about ten settings, so no average. One rate and 400 to 1200 steps of 4096 tokens (compression: 600 of' at screen 0.012, screen 0.0533 left font ',8' tc rgb '#555555'
set label '2048) in place of 20,000, ended early when validation is perfect; fuzzy recall and selective copying at width 64, the others at 128; a short convolution' at screen 0.012, screen 0.0329 left font ',8' tc rgb '#555555'
set label 'everywhere; one seed. Sweep aa991a50, acbb67ac, ce58130f, a641ae89, 1a6fd110, 2026-11-21, AMD EPYC, 2 cores, 24 GiB.' at screen 0.012, screen 0.0125 left font ',8' tc rgb '#555555'
set label 'Accuracy in percent (%)' at screen 0.0333, screen 0.9248 left font ',10' tc rgb '#111111'
set lmargin at screen 0.0889
set rmargin at screen 0.6722
set bmargin at screen 0.2445
set tmargin at screen 0.9028
unset logscale xy
set xrange [-4:104]
set yrange [-4:104]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'deltanet-mad.dat' index 0 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 0 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 1 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#0072b2', \
     '' index 2 using 1:2:3:4 with yerrorbars pt 11 ps 0.7 lw 1 lc rgb '#9467bd', \
     '' index 3 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#009e73'
unset label

unset multiplot
set terminal pngcairo size 1440,1276 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'deltanet-mad.png'
set multiplot
set label 'MAD: six synthetic tasks' at screen 0.0125, screen 0.9718 left font ',13' tc rgb '#111111'
set label 'Transformer' at screen 0.7444, screen 0.8903 left font ',10' tc rgb '#111111' point pt 7 ps 0.8 lc rgb '#0072b2' offset char 1.2, 0
set label 'GLA' at screen 0.7444, screen 0.8636 left font ',10' tc rgb '#111111' point pt 11 ps 0.8 lc rgb '#9467bd' offset char 1.2, 0
set label 'DeltaNet' at screen 0.7444, screen 0.8370 left font ',10' tc rgb '#111111' point pt 7 ps 0.8 lc rgb '#009e73' offset char 1.2, 0
set label 'Each point is a place of the table: 18 of 36 that have a published value. Dashed: equal; shaded: the tolerance stated. Bars: our intervals. Paper: Yang, Wang,' at screen 0.012, screen 0.1144 left font ',8' tc rgb '#555555'
set label 'Zhang, Shen, Kim: Parallelizing Linear Transformers with the Delta Rule over Sequence Length, arXiv:2406.06484, NeurIPS 2024. Rows other than DeltaNet are from' at screen 0.012, screen 0.0940 left font ',8' tc rgb '#555555'
set label 'Poli et al.: Mechanistic Design and Scaling of Hybrid Architectures, arXiv:2403.17844, the MAD table (A: read as numbers in the paper or from its authors).' at screen 0.012, screen 0.0737 left font ',8' tc rgb '#555555'
set label 'Here, scale cpu: The baseline of each task alone, 1 of about ten settings, so no average. One rate and 400 to 1200 steps of 4096 tokens (compression: 600 of' at screen 0.012, screen 0.0533 left font ',8' tc rgb '#555555'
set label '2048) in place of 20,000, ended early when validation is perfect; fuzzy recall and selective copying at width 64, the others at 128; a short convolution' at screen 0.012, screen 0.0329 left font ',8' tc rgb '#555555'
set label 'everywhere; one seed. Sweep aa991a50, acbb67ac, ce58130f, a641ae89, 1a6fd110, 2026-11-21, AMD EPYC, 2 cores, 24 GiB.' at screen 0.012, screen 0.0125 left font ',8' tc rgb '#555555'
set label 'Accuracy in percent (%)' at screen 0.0333, screen 0.9248 left font ',10' tc rgb '#111111'
set lmargin at screen 0.0889
set rmargin at screen 0.6722
set bmargin at screen 0.2445
set tmargin at screen 0.9028
unset logscale xy
set xrange [-4:104]
set yrange [-4:104]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'deltanet-mad.dat' index 0 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 0 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 1 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#0072b2', \
     '' index 2 using 1:2:3:4 with yerrorbars pt 11 ps 0.7 lw 1 lc rgb '#9467bd', \
     '' index 3 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#009e73'
unset label

unset multiplot
