# @TITLE@. Made by labench; gnuplot @STEM@.gp draws it again from @STEM@.dat.
@STYLE@
@FRAME@
unset border
unset tics
set style fill solid 1.0 border rgb '#ffffff'
# Columns of the data: x y width height colour words, in pixels; then what the box stands for.
@SVG@
plot '@STEM@.dat' using 1:2:($1-$3/2):($1+$3/2):($2-$4/2):($2+$4/2):5 with boxxyerror lc rgb variable, \
     '' using 1:2:6 with labels font ',9' tc rgb '#333333'
@PNG@
replot
