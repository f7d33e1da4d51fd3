# @TITLE@. Made by labench; gnuplot @STEM@.gp draws it again from @STEM@.dat.
@STYLE@
@FRAME@
unset border
unset tics
# Places are pixels. First block: the middle of a column of samples, x y, its lowest and highest y, the colour of
# its round; then which line, round and samples, and the median, least and most of their times in ns. Second
# block: the steps of the shares of samples that took no longer, x y colour. Third: columns cut at the frame.
@SVG@
plot @PLOT@
@PNG@
replot
