# Speed-up of the chunkwise form of DeltaNet over the recurrent form. Made by labench; gnuplot deltanet-chunk.gp draws it again from deltanet-chunk.dat.
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
set output 'deltanet-chunk.svg'
set multiplot
set label 'Speed-up of the chunkwise form of DeltaNet over the recurrent form' at screen 0.0125, screen 0.9712 left font ',13' tc rgb '#111111'
set label 'head dimension 64' at screen 0.7444, screen 0.8880 left font ',10' tc rgb '#111111' point pt 7 ps 0.8 lc rgb '#1b7837' offset char 1.2, 0
set label 'head dimension 128' at screen 0.7444, screen 0.8608 left font ',10' tc rgb '#111111' point pt 11 ps 0.8 lc rgb '#35978f' offset char 1.2, 0
set label 'head dimension 256' at screen 0.7444, screen 0.8336 left font ',10' tc rgb '#111111' point pt 11 ps 0.8 lc rgb '#7570b3' offset char 1.2, 0
set label 'Each point is a place of the table: 18 of 18 that have a published value. Dashed: equal; shaded: the tolerance stated. Bars: our intervals. Paper: Yang, Wang,' at screen 0.012, screen 0.0960 left font ',8' tc rgb '#555555'
set label 'Zhang, Shen, Kim, Parallelizing Linear Transformers with the Delta Rule over Sequence Length, arXiv:2406.06484, NeurIPS 2024, Figure of the speed-up (D: read' at screen 0.012, screen 0.0752 left font ',8' tc rgb '#555555'
set label 'off the authors'' figure). Here, scale cpu: two heads, one a core, instead of a fixed width, the same 16384 tokens, float32, forward, chunks of 16; the recurrent' at screen 0.012, screen 0.0544 left font ',8' tc rgb '#555555'
set label 'form is written for the processor''s vectors and is no straw man. Sweep 7f16be79, c9cff318, 2e8c0ced, 00bd2519, 0eda0bee, c11f4d14, 2026-11-21, AMD EPYC, 2' at screen 0.012, screen 0.0336 left font ',8' tc rgb '#555555'
set label 'cores, 24 GiB.' at screen 0.012, screen 0.0128 left font ',8' tc rgb '#555555'
set label 'Time of the recurrent form over that of the chunkwise form' at screen 0.0333, screen 0.9232 left font ',10' tc rgb '#111111'
set lmargin at screen 0.0889
set rmargin at screen 0.6722
set bmargin at screen 0.2288
set tmargin at screen 0.9008
set logscale xy 10
set xrange [0.945045:45.0163]
set yrange [0.945045:45.0163]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'deltanet-chunk.dat' index 0 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 0 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 1 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#1b7837', \
     '' index 2 using 1:2:3:4 with yerrorbars pt 11 ps 0.7 lw 1 lc rgb '#35978f', \
     '' index 3 using 1:2:3:4 with yerrorbars pt 11 ps 0.7 lw 1 lc rgb '#7570b3'
unset label

unset multiplot
set terminal pngcairo size 1440,1250 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'deltanet-chunk.png'
set multiplot
set label 'Speed-up of the chunkwise form of DeltaNet over the recurrent form' at screen 0.0125, screen 0.9712 left font ',13' tc rgb '#111111'
set label 'head dimension 64' at screen 0.7444, screen 0.8880 left font ',10' tc rgb '#111111' point pt 7 ps 0.8 lc rgb '#1b7837' offset char 1.2, 0
set label 'head dimension 128' at screen 0.7444, screen 0.8608 left font ',10' tc rgb '#111111' point pt 11 ps 0.8 lc rgb '#35978f' offset char 1.2, 0
set label 'head dimension 256' at screen 0.7444, screen 0.8336 left font ',10' tc rgb '#111111' point pt 11 ps 0.8 lc rgb '#7570b3' offset char 1.2, 0
set label 'Each point is a place of the table: 18 of 18 that have a published value. Dashed: equal; shaded: the tolerance stated. Bars: our intervals. Paper: Yang, Wang,' at screen 0.012, screen 0.0960 left font ',8' tc rgb '#555555'
set label 'Zhang, Shen, Kim, Parallelizing Linear Transformers with the Delta Rule over Sequence Length, arXiv:2406.06484, NeurIPS 2024, Figure of the speed-up (D: read' at screen 0.012, screen 0.0752 left font ',8' tc rgb '#555555'
set label 'off the authors'' figure). Here, scale cpu: two heads, one a core, instead of a fixed width, the same 16384 tokens, float32, forward, chunks of 16; the recurrent' at screen 0.012, screen 0.0544 left font ',8' tc rgb '#555555'
set label 'form is written for the processor''s vectors and is no straw man. Sweep 7f16be79, c9cff318, 2e8c0ced, 00bd2519, 0eda0bee, c11f4d14, 2026-11-21, AMD EPYC, 2' at screen 0.012, screen 0.0336 left font ',8' tc rgb '#555555'
set label 'cores, 24 GiB.' at screen 0.012, screen 0.0128 left font ',8' tc rgb '#555555'
set label 'Time of the recurrent form over that of the chunkwise form' at screen 0.0333, screen 0.9232 left font ',10' tc rgb '#111111'
set lmargin at screen 0.0889
set rmargin at screen 0.6722
set bmargin at screen 0.2288
set tmargin at screen 0.9008
set logscale xy 10
set xrange [0.945045:45.0163]
set yrange [0.945045:45.0163]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'deltanet-chunk.dat' index 0 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 0 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 1 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#1b7837', \
     '' index 2 using 1:2:3:4 with yerrorbars pt 11 ps 0.7 lw 1 lc rgb '#35978f', \
     '' index 3 using 1:2:3:4 with yerrorbars pt 11 ps 0.7 lw 1 lc rgb '#7570b3'
unset label

unset multiplot
