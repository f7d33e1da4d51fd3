# @TITLE@. Made by labench; gnuplot @STEM@.gp draws it again from @STEM@.dat.
@STYLE@
@FRAME@
set logscale x 10
set grid ytics lw 1 lc rgb '#e2e2e2'
set xlabel 'forward time per token'
set ylabel 'accuracy' offset 0.5
@AXES@
@MARKS@
@SVG@
plot @PLOT@
@PNG@
replot
