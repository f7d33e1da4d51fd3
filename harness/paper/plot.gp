# @TITLE@. Made by labench; gnuplot @STEM@.gp draws it again from @STEM@.dat.
@STYLE@
# Columns of the data: published, ours, and the ends of our interval; the first block of a panel is its band.
@SVG@
set multiplot
@BODY@
unset multiplot
@PNG@
set multiplot
@BODY@
unset multiplot
