# @TITLE@. Made by labench; gnuplot @STEM@.gp draws it again from @STEM@.dat.
@STYLE@
@FRAME@
set grid ytics lw 1 lc rgb '#e2e2e2'
set xlabel 'threads'
set ylabel 'times faster than one thread' offset 0.5
@AXES@
@MARKS@
@SVG@
plot @PLOT@
@PNG@
replot
