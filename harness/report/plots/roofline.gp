# @TITLE@. Made by labench; gnuplot @STEM@.gp draws it again from @STEM@.dat.
@STYLE@
@FRAME@
set logscale xy 10
set grid ytics lw 1 lc rgb '#e2e2e2'
set xlabel 'useful operations a byte that must move (FLOP/byte)'
set ylabel 'useful GFLOP/s' offset 0.5
@AXES@
@MARKS@
@SVG@
plot @PLOT@
@PNG@
replot
