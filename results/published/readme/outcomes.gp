# Outcomes. Made by labench; gnuplot outcomes.gp draws it again from outcomes.dat.
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

set lmargin at screen 0
set rmargin at screen 1
set bmargin at screen 0
set tmargin at screen 1
set xrange [0:720]
set yrange [0:688]
set label 'Outcomes' at first 9, first 668 left font ',13' tc rgb '#111111'
set label 'What became of every cell; times are medians. AMD EPYC, 2 threads, f32, B 1, H 2, d 64, caches hot. † bidirectional, the others causal. Sweep 07942b3d of' at screen 0.012, screen 0.0305 left font ',8' tc rgb '#555555'
set label '2026-11-21, labench 0.1.0 (37f793f).' at screen 0.012, screen 0.0116 left font ',8' tc rgb '#555555'
set label 'fwd' at first 9, first 626.0 left font ',11' tc rgb '#111111'
set label '1k' at first 150.1, first 626.0 center font ',9' tc rgb '#666666'
set label '2k' at first 224.8, first 626.0 center font ',9' tc rgb '#666666'
set label '4k' at first 299.4, first 626.0 center font ',9' tc rgb '#666666'
set label '8k' at first 374.1, first 626.0 center font ',9' tc rgb '#666666'
set label '16k' at first 448.7, first 626.0 center font ',9' tc rgb '#666666'
set label '32k' at first 523.4, first 626.0 center font ',9' tc rgb '#666666'
set label '64k' at first 598.0, first 626.0 center font ',9' tc rgb '#666666'
set label '128k' at first 672.7, first 626.0 center font ',9' tc rgb '#666666'
set label 'deltanet' at first 104.8, first 603.5 right font ',10' tc rgb '#333333'
set label 'flash' at first 104.8, first 582.5 right font ',10' tc rgb '#333333'
set label 'fnet†' at first 104.8, first 561.5 right font ',10' tc rgb '#333333'
set label 'gated\_deltanet' at first 104.8, first 540.5 right font ',10' tc rgb '#333333'
set label 'linear' at first 104.8, first 519.5 right font ',10' tc rgb '#333333'
set label 'linformer†' at first 104.8, first 498.5 right font ',10' tc rgb '#333333'
set label 'performer' at first 104.8, first 477.5 right font ',10' tc rgb '#333333'
set label 'softmax' at first 104.8, first 456.5 right font ',10' tc rgb '#333333'
set label 'decode' at first 9, first 428.0 left font ',11' tc rgb '#111111'
set label '1k' at first 150.1, first 428.0 center font ',9' tc rgb '#666666'
set label '2k' at first 224.8, first 428.0 center font ',9' tc rgb '#666666'
set label '4k' at first 299.4, first 428.0 center font ',9' tc rgb '#666666'
set label '8k' at first 374.1, first 428.0 center font ',9' tc rgb '#666666'
set label '16k' at first 448.7, first 428.0 center font ',9' tc rgb '#666666'
set label '32k' at first 523.4, first 428.0 center font ',9' tc rgb '#666666'
set label '64k' at first 598.0, first 428.0 center font ',9' tc rgb '#666666'
set label '128k' at first 672.7, first 428.0 center font ',9' tc rgb '#666666'
set label 'deltanet' at first 104.8, first 405.5 right font ',10' tc rgb '#333333'
set label 'flash' at first 104.8, first 384.5 right font ',10' tc rgb '#333333'
set label 'fnet†' at first 104.8, first 363.5 right font ',10' tc rgb '#333333'
set label 'gated\_deltanet' at first 104.8, first 342.5 right font ',10' tc rgb '#333333'
set label 'linear' at first 104.8, first 321.5 right font ',10' tc rgb '#333333'
set label 'linformer†' at first 104.8, first 300.5 right font ',10' tc rgb '#333333'
set label 'performer' at first 104.8, first 279.5 right font ',10' tc rgb '#333333'
set label 'softmax' at first 104.8, first 258.5 right font ',10' tc rgb '#333333'
set label 'recall' at first 9, first 230.0 left font ',11' tc rgb '#111111'
set label '1k' at first 150.1, first 230.0 center font ',9' tc rgb '#666666'
set label '2k' at first 224.8, first 230.0 center font ',9' tc rgb '#666666'
set label '4k' at first 299.4, first 230.0 center font ',9' tc rgb '#666666'
set label '8k' at first 374.1, first 230.0 center font ',9' tc rgb '#666666'
set label '16k' at first 448.7, first 230.0 center font ',9' tc rgb '#666666'
set label '32k' at first 523.4, first 230.0 center font ',9' tc rgb '#666666'
set label '64k' at first 598.0, first 230.0 center font ',9' tc rgb '#666666'
set label '128k' at first 672.7, first 230.0 center font ',9' tc rgb '#666666'
set label 'deltanet' at first 104.8, first 207.5 right font ',10' tc rgb '#333333'
set label 'flash' at first 104.8, first 186.5 right font ',10' tc rgb '#333333'
set label 'fnet†' at first 104.8, first 165.5 right font ',10' tc rgb '#333333'
set label 'gated\_deltanet' at first 104.8, first 144.5 right font ',10' tc rgb '#333333'
set label 'linear' at first 104.8, first 123.5 right font ',10' tc rgb '#333333'
set label 'linformer†' at first 104.8, first 102.5 right font ',10' tc rgb '#333333'
set label 'performer' at first 104.8, first 81.5 right font ',10' tc rgb '#333333'
set label 'softmax' at first 104.8, first 60.5 right font ',10' tc rgb '#333333'

unset border
unset tics
set style fill solid 1.0 border rgb '#ffffff'
# Columns of the data: x y width height colour words, in pixels; then what the box stands for.
set terminal svg size 720,688 fixed enhanced font 'DejaVu Sans,11' background rgb '#ffffff'
set output 'outcomes.svg'
plot 'outcomes.dat' using 1:2:($1-$3/2):($1+$3/2):($2-$4/2):($2+$4/2):5 with boxxyerror lc rgb variable, \
     '' using 1:2:6 with labels font ',9' tc rgb '#333333'
set terminal pngcairo size 1440,1376 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'outcomes.png'
replot
