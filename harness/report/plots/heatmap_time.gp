# @TITLE@. Made by labench; gnuplot @STEM@.gp draws it again from @STEM@.dat.
@STYLE@
@FRAME@
unset border
unset tics
set style fill solid 1.0 border rgb '#ffffff'
# Columns of the data: x y width height colour words colour-of-the-words, in pixels; then what the box stands
# for. The second block are pieces of the capacity line of one head, the third of all heads: x y dx dy.
@SVG@
plot @PLOT@
@PNG@
replot
