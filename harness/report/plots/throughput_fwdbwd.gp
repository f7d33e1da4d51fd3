# @TITLE@. Made by labench; gnuplot @STEM@.gp draws it again from @STEM@.dat.
@STYLE@
@FRAME@
set logscale x 2
set grid ytics lw 1 lc rgb '#e2e2e2'
set xlabel 'sequence length T (tokens)'
set ylabel 'useful GFLOP/s' offset 0.5
@AXES@
@MARKS@
@SVG@
plot @PLOT@
@PNG@
replot
