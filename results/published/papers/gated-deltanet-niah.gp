# S-NIAH-1, 2 and 3, in token form: a surrogate. Made by labench; gnuplot gated-deltanet-niah.gp draws it again from gated-deltanet-niah.dat.
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
set terminal svg size 720,639 fixed enhanced font 'DejaVu Sans,11' background rgb '#ffffff'
set output 'gated-deltanet-niah.svg'
set multiplot
set label 'S-NIAH-1, 2 and 3, in token form: a surrogate' at screen 0.0125, screen 0.9718 left font ',13' tc rgb '#111111'
set label 'DeltaNet' at screen 0.7444, screen 0.8905 left font ',10' tc rgb '#111111' point pt 7 ps 0.8 lc rgb '#009e73' offset char 1.2, 0
set label 'Mamba-2' at screen 0.7444, screen 0.8638 left font ',10' tc rgb '#111111' point pt 13 ps 0.8 lc rgb '#b22222' offset char 1.2, 0
set label 'Gated DeltaNet' at screen 0.7444, screen 0.8372 left font ',10' tc rgb '#111111' point pt 5 ps 0.8 lc rgb '#6cbf1f' offset char 1.2, 0
set label 'Each point is a place of the table: 45 of 45 that have a published value. Dashed: equal; shaded: the tolerance stated. Bars: our intervals. Paper: Yang, Kautz,' at screen 0.012, screen 0.0939 left font ',8' tc rgb '#555555'
set label 'Hatamizadeh: Gated Delta Networks: Improving Mamba2 with Delta Rule, arXiv:2412.06464v2, ICLR 2025, Table 2 (A: read as numbers in the paper or from its' at screen 0.012, screen 0.0736 left font ',8' tc rgb '#555555'
set label 'authors). Here, scale cpu: A surrogate: 2 layers of width 64 with 2 heads, trained on 32 to 128 tokens of the task and asked at the paper''s lengths, 8 to 64' at screen 0.012, screen 0.0532 left font ',8' tc rgb '#555555'
set label 'times the longest of these; 600 steps of 4096 tokens at 1e-2 at most, ended early when validation is perfect; two seeds. In the last panel, where the haystack' at screen 0.012, screen 0.0329 left font ',8' tc rgb '#555555'
set label 'is other needles, 64 to 512 tokens, two rates chosen on validation. Sweep c7efe754, b622353b, 2026-11-21, AMD EPYC, 2 cores, 24 GiB.' at screen 0.012, screen 0.0125 left font ',8' tc rgb '#555555'
set label 'S-NIAH-1 (%)' at screen 0.0333, screen 0.9249 left font ',10' tc rgb '#111111'
set lmargin at screen 0.0889
set rmargin at screen 0.3500
set bmargin at screen 0.6088
set tmargin at screen 0.9030
unset logscale xy
set xrange [-4:104]
set yrange [-4:104]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'gated-deltanet-niah.dat' index 0 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 0 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 1 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#009e73', \
     '' index 2 using 1:2:3:4 with yerrorbars pt 13 ps 0.7 lw 1 lc rgb '#b22222', \
     '' index 3 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#6cbf1f'
unset label
set label 'S-NIAH-2 (%)' at screen 0.4056, screen 0.9249 left font ',10' tc rgb '#111111'
set lmargin at screen 0.4611
set rmargin at screen 0.7222
set bmargin at screen 0.6088
set tmargin at screen 0.9030
unset logscale xy
set xrange [-4:104]
set yrange [-4:104]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'gated-deltanet-niah.dat' index 4 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 4 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 5 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#009e73', \
     '' index 6 using 1:2:3:4 with yerrorbars pt 13 ps 0.7 lw 1 lc rgb '#b22222', \
     '' index 7 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#6cbf1f'
unset label
set label 'S-NIAH-3 (%)' at screen 0.0333, screen 0.5399 left font ',10' tc rgb '#111111'
set lmargin at screen 0.0889
set rmargin at screen 0.3500
set bmargin at screen 0.2238
set tmargin at screen 0.5180
unset logscale xy
set xrange [-4:104]
set yrange [-4:104]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'gated-deltanet-niah.dat' index 8 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 8 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 9 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#009e73', \
     '' index 10 using 1:2:3:4 with yerrorbars pt 13 ps 0.7 lw 1 lc rgb '#b22222', \
     '' index 11 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#6cbf1f'
unset label
set label 'S-NIAH-2 again, one needle in a haystack of other needles' at screen 0.4056, screen 0.5399 left font ',10' tc rgb '#111111'
set lmargin at screen 0.4611
set rmargin at screen 0.7222
set bmargin at screen 0.2238
set tmargin at screen 0.5180
unset logscale xy
set xrange [-4:104]
set yrange [-4:104]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'gated-deltanet-niah.dat' index 12 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 12 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 13 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#009e73', \
     '' index 14 using 1:2:3:4 with yerrorbars pt 13 ps 0.7 lw 1 lc rgb '#b22222', \
     '' index 15 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#6cbf1f'
unset label

unset multiplot
set terminal pngcairo size 1440,1278 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'gated-deltanet-niah.png'
set multiplot
set label 'S-NIAH-1, 2 and 3, in token form: a surrogate' at screen 0.0125, screen 0.9718 left font ',13' tc rgb '#111111'
set label 'DeltaNet' at screen 0.7444, screen 0.8905 left font ',10' tc rgb '#111111' point pt 7 ps 0.8 lc rgb '#009e73' offset char 1.2, 0
set label 'Mamba-2' at screen 0.7444, screen 0.8638 left font ',10' tc rgb '#111111' point pt 13 ps 0.8 lc rgb '#b22222' offset char 1.2, 0
set label 'Gated DeltaNet' at screen 0.7444, screen 0.8372 left font ',10' tc rgb '#111111' point pt 5 ps 0.8 lc rgb '#6cbf1f' offset char 1.2, 0
set label 'Each point is a place of the table: 45 of 45 that have a published value. Dashed: equal; shaded: the tolerance stated. Bars: our intervals. Paper: Yang, Kautz,' at screen 0.012, screen 0.0939 left font ',8' tc rgb '#555555'
set label 'Hatamizadeh: Gated Delta Networks: Improving Mamba2 with Delta Rule, arXiv:2412.06464v2, ICLR 2025, Table 2 (A: read as numbers in the paper or from its' at screen 0.012, screen 0.0736 left font ',8' tc rgb '#555555'
set label 'authors). Here, scale cpu: A surrogate: 2 layers of width 64 with 2 heads, trained on 32 to 128 tokens of the task and asked at the paper''s lengths, 8 to 64' at screen 0.012, screen 0.0532 left font ',8' tc rgb '#555555'
set label 'times the longest of these; 600 steps of 4096 tokens at 1e-2 at most, ended early when validation is perfect; two seeds. In the last panel, where the haystack' at screen 0.012, screen 0.0329 left font ',8' tc rgb '#555555'
set label 'is other needles, 64 to 512 tokens, two rates chosen on validation. Sweep c7efe754, b622353b, 2026-11-21, AMD EPYC, 2 cores, 24 GiB.' at screen 0.012, screen 0.0125 left font ',8' tc rgb '#555555'
set label 'S-NIAH-1 (%)' at screen 0.0333, screen 0.9249 left font ',10' tc rgb '#111111'
set lmargin at screen 0.0889
set rmargin at screen 0.3500
set bmargin at screen 0.6088
set tmargin at screen 0.9030
unset logscale xy
set xrange [-4:104]
set yrange [-4:104]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'gated-deltanet-niah.dat' index 0 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 0 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 1 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#009e73', \
     '' index 2 using 1:2:3:4 with yerrorbars pt 13 ps 0.7 lw 1 lc rgb '#b22222', \
     '' index 3 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#6cbf1f'
unset label
set label 'S-NIAH-2 (%)' at screen 0.4056, screen 0.9249 left font ',10' tc rgb '#111111'
set lmargin at screen 0.4611
set rmargin at screen 0.7222
set bmargin at screen 0.6088
set tmargin at screen 0.9030
unset logscale xy
set xrange [-4:104]
set yrange [-4:104]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'gated-deltanet-niah.dat' index 4 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 4 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 5 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#009e73', \
     '' index 6 using 1:2:3:4 with yerrorbars pt 13 ps 0.7 lw 1 lc rgb '#b22222', \
     '' index 7 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#6cbf1f'
unset label
set label 'S-NIAH-3 (%)' at screen 0.0333, screen 0.5399 left font ',10' tc rgb '#111111'
set lmargin at screen 0.0889
set rmargin at screen 0.3500
set bmargin at screen 0.2238
set tmargin at screen 0.5180
unset logscale xy
set xrange [-4:104]
set yrange [-4:104]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'gated-deltanet-niah.dat' index 8 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 8 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 9 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#009e73', \
     '' index 10 using 1:2:3:4 with yerrorbars pt 13 ps 0.7 lw 1 lc rgb '#b22222', \
     '' index 11 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#6cbf1f'
unset label
set label 'S-NIAH-2 again, one needle in a haystack of other needles' at screen 0.4056, screen 0.5399 left font ',10' tc rgb '#111111'
set lmargin at screen 0.4611
set rmargin at screen 0.7222
set bmargin at screen 0.2238
set tmargin at screen 0.5180
unset logscale xy
set xrange [-4:104]
set yrange [-4:104]
set xlabel 'paper' offset 0, 0.4
set ylabel 'ours' offset 1
plot 'gated-deltanet-niah.dat' index 12 using 1:2:3 with filledcurves lc rgb '#dfe7ee', \
     '' index 12 using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777', \
     '' index 13 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1 lc rgb '#009e73', \
     '' index 14 using 1:2:3:4 with yerrorbars pt 13 ps 0.7 lw 1 lc rgb '#b22222', \
     '' index 15 using 1:2:3:4 with yerrorbars pt 5 ps 0.7 lw 1 lc rgb '#6cbf1f'
unset label

unset multiplot
