# recall: accuracy over dk and pairs. Made by labench; gnuplot heatmap_recall_dk_pairs.gp draws it again from heatmap_recall_dk_pairs.dat.
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
set yrange [0:517]
set label 'recall: accuracy over dk and pairs' at first 9.0, first 497.0 left font ',13' tc rgb '#111111'
set object rectangle from first 540.42, first 491.0 to first 543.52, first 503.0 fc rgb '#02214e' fs solid noborder
set object rectangle from first 542.92, first 491.0 to first 546.02, first 503.0 fc rgb '#062450' fs solid noborder
set object rectangle from first 545.42, first 491.0 to first 548.52, first 503.0 fc rgb '#0a2752' fs solid noborder
set object rectangle from first 547.92, first 491.0 to first 551.02, first 503.0 fc rgb '#0e2a54' fs solid noborder
set object rectangle from first 550.42, first 491.0 to first 553.52, first 503.0 fc rgb '#122d55' fs solid noborder
set object rectangle from first 552.92, first 491.0 to first 556.02, first 503.0 fc rgb '#162f57' fs solid noborder
set object rectangle from first 555.42, first 491.0 to first 558.52, first 503.0 fc rgb '#1a3259' fs solid noborder
set object rectangle from first 557.92, first 491.0 to first 561.02, first 503.0 fc rgb '#1e355b' fs solid noborder
set object rectangle from first 560.42, first 491.0 to first 563.52, first 503.0 fc rgb '#23385d' fs solid noborder
set object rectangle from first 562.92, first 491.0 to first 566.02, first 503.0 fc rgb '#273b5f' fs solid noborder
set object rectangle from first 565.42, first 491.0 to first 568.52, first 503.0 fc rgb '#2b3e61' fs solid noborder
set object rectangle from first 567.92, first 491.0 to first 571.02, first 503.0 fc rgb '#2f4063' fs solid noborder
set object rectangle from first 570.42, first 491.0 to first 573.52, first 503.0 fc rgb '#334364' fs solid noborder
set object rectangle from first 572.92, first 491.0 to first 576.02, first 503.0 fc rgb '#374666' fs solid noborder
set object rectangle from first 575.42, first 491.0 to first 578.52, first 503.0 fc rgb '#3b4968' fs solid noborder
set object rectangle from first 577.92, first 491.0 to first 581.02, first 503.0 fc rgb '#3f4c6a' fs solid noborder
set object rectangle from first 580.42, first 491.0 to first 583.52, first 503.0 fc rgb '#434e6b' fs solid noborder
set object rectangle from first 582.92, first 491.0 to first 586.02, first 503.0 fc rgb '#47516c' fs solid noborder
set object rectangle from first 585.42, first 491.0 to first 588.52, first 503.0 fc rgb '#4a546d' fs solid noborder
set object rectangle from first 587.92, first 491.0 to first 591.02, first 503.0 fc rgb '#4e576e' fs solid noborder
set object rectangle from first 590.42, first 491.0 to first 593.52, first 503.0 fc rgb '#525a6f' fs solid noborder
set object rectangle from first 592.92, first 491.0 to first 596.02, first 503.0 fc rgb '#555d6f' fs solid noborder
set object rectangle from first 595.42, first 491.0 to first 598.52, first 503.0 fc rgb '#596070' fs solid noborder
set object rectangle from first 597.92, first 491.0 to first 601.02, first 503.0 fc rgb '#5d6371' fs solid noborder
set object rectangle from first 600.42, first 491.0 to first 603.52, first 503.0 fc rgb '#606572' fs solid noborder
set object rectangle from first 602.92, first 491.0 to first 606.02, first 503.0 fc rgb '#646873' fs solid noborder
set object rectangle from first 605.42, first 491.0 to first 608.52, first 503.0 fc rgb '#686b74' fs solid noborder
set object rectangle from first 607.92, first 491.0 to first 611.02, first 503.0 fc rgb '#6b6e74' fs solid noborder
set object rectangle from first 610.42, first 491.0 to first 613.52, first 503.0 fc rgb '#6f7175' fs solid noborder
set object rectangle from first 612.92, first 491.0 to first 616.02, first 503.0 fc rgb '#737476' fs solid noborder
set object rectangle from first 615.42, first 491.0 to first 618.52, first 503.0 fc rgb '#767777' fs solid noborder
set object rectangle from first 617.92, first 491.0 to first 621.02, first 503.0 fc rgb '#7a7a78' fs solid noborder
set object rectangle from first 620.42, first 491.0 to first 623.52, first 503.0 fc rgb '#7e7d78' fs solid noborder
set object rectangle from first 622.92, first 491.0 to first 626.02, first 503.0 fc rgb '#828077' fs solid noborder
set object rectangle from first 625.42, first 491.0 to first 628.52, first 503.0 fc rgb '#868377' fs solid noborder
set object rectangle from first 627.92, first 491.0 to first 631.02, first 503.0 fc rgb '#8a8676' fs solid noborder
set object rectangle from first 630.42, first 491.0 to first 633.52, first 503.0 fc rgb '#8e8a75' fs solid noborder
set object rectangle from first 632.92, first 491.0 to first 636.02, first 503.0 fc rgb '#928d75' fs solid noborder
set object rectangle from first 635.42, first 491.0 to first 638.52, first 503.0 fc rgb '#969074' fs solid noborder
set object rectangle from first 637.92, first 491.0 to first 641.02, first 503.0 fc rgb '#9a9374' fs solid noborder
set object rectangle from first 640.42, first 491.0 to first 643.52, first 503.0 fc rgb '#9e9773' fs solid noborder
set object rectangle from first 642.92, first 491.0 to first 646.02, first 503.0 fc rgb '#a29a73' fs solid noborder
set object rectangle from first 645.42, first 491.0 to first 648.52, first 503.0 fc rgb '#a69d72' fs solid noborder
set object rectangle from first 647.92, first 491.0 to first 651.02, first 503.0 fc rgb '#aaa072' fs solid noborder
set object rectangle from first 650.42, first 491.0 to first 653.52, first 503.0 fc rgb '#aea471' fs solid noborder
set object rectangle from first 652.92, first 491.0 to first 656.02, first 503.0 fc rgb '#b2a770' fs solid noborder
set object rectangle from first 655.42, first 491.0 to first 658.52, first 503.0 fc rgb '#b6aa70' fs solid noborder
set object rectangle from first 657.92, first 491.0 to first 661.02, first 503.0 fc rgb '#baad6f' fs solid noborder
set object rectangle from first 660.42, first 491.0 to first 663.52, first 503.0 fc rgb '#beb16e' fs solid noborder
set object rectangle from first 662.92, first 491.0 to first 666.02, first 503.0 fc rgb '#c2b56b' fs solid noborder
set object rectangle from first 665.42, first 491.0 to first 668.52, first 503.0 fc rgb '#c6b869' fs solid noborder
set object rectangle from first 667.92, first 491.0 to first 671.02, first 503.0 fc rgb '#cbbc66' fs solid noborder
set object rectangle from first 670.42, first 491.0 to first 673.52, first 503.0 fc rgb '#cfc063' fs solid noborder
set object rectangle from first 672.92, first 491.0 to first 676.02, first 503.0 fc rgb '#d3c361' fs solid noborder
set object rectangle from first 675.42, first 491.0 to first 678.52, first 503.0 fc rgb '#d7c75e' fs solid noborder
set object rectangle from first 677.92, first 491.0 to first 681.02, first 503.0 fc rgb '#dbcb5c' fs solid noborder
set object rectangle from first 680.42, first 491.0 to first 683.52, first 503.0 fc rgb '#e0ce59' fs solid noborder
set object rectangle from first 682.92, first 491.0 to first 686.02, first 503.0 fc rgb '#e4d257' fs solid noborder
set object rectangle from first 685.42, first 491.0 to first 688.52, first 503.0 fc rgb '#e8d654' fs solid noborder
set object rectangle from first 687.92, first 491.0 to first 691.02, first 503.0 fc rgb '#ecd952' fs solid noborder
set object rectangle from first 690.42, first 491.0 to first 693.52, first 503.0 fc rgb '#f0dd4f' fs solid noborder
set object rectangle from first 692.92, first 491.0 to first 696.02, first 503.0 fc rgb '#f5e14c' fs solid noborder
set object rectangle from first 695.42, first 491.0 to first 698.52, first 503.0 fc rgb '#f9e44a' fs solid noborder
set object rectangle from first 697.92, first 491.0 to first 700.42, first 503.0 fc rgb '#fde847' fs solid noborder
set label 'accuracy 0' at first 535.4, first 497.0 right font ',9' tc rgb '#444444'
set label '1' at first 705.4, first 497.0 left font ',9' tc rgb '#444444'
set label 'deltanet' at first 54.7, first 459.0 left font ',10' tc rgb '#111111'
set label '16' at first 76.7, first 290.0 center font ',9' tc rgb '#444444'
set label '32' at first 120.7, first 290.0 center font ',9' tc rgb '#444444'
set label '64' at first 164.7, first 290.0 center font ',9' tc rgb '#444444'
set label '128' at first 208.7, first 290.0 center font ',9' tc rgb '#444444'
set label '8' at first 49.7, first 311.5 right font ',9' tc rgb '#444444'
set label '16' at first 49.7, first 336.5 right font ',9' tc rgb '#444444'
set label '32' at first 49.7, first 361.5 right font ',9' tc rgb '#444444'
set label '64' at first 49.7, first 386.5 right font ',9' tc rgb '#444444'
set label '128' at first 49.7, first 411.5 right font ',9' tc rgb '#444444'
set label '256' at first 49.7, first 436.5 right font ',9' tc rgb '#444444'
set label 'dk' at first 142.7, first 277.0 center font ',9' tc rgb '#777777'
set label 'pairs' at first 22.0, first 374.0 center rotate by 90 font ',9' tc rgb '#777777'
set label 'gated\_deltanet' at first 291.4, first 459.0 left font ',10' tc rgb '#111111'
set label '16' at first 313.4, first 290.0 center font ',9' tc rgb '#444444'
set label '32' at first 357.4, first 290.0 center font ',9' tc rgb '#444444'
set label '64' at first 401.4, first 290.0 center font ',9' tc rgb '#444444'
set label '128' at first 445.3, first 290.0 center font ',9' tc rgb '#444444'
set label '8' at first 286.4, first 311.5 right font ',9' tc rgb '#444444'
set label '16' at first 286.4, first 336.5 right font ',9' tc rgb '#444444'
set label '32' at first 286.4, first 361.5 right font ',9' tc rgb '#444444'
set label '64' at first 286.4, first 386.5 right font ',9' tc rgb '#444444'
set label '128' at first 286.4, first 411.5 right font ',9' tc rgb '#444444'
set label '256' at first 286.4, first 436.5 right font ',9' tc rgb '#444444'
set label 'dk' at first 379.4, first 277.0 center font ',9' tc rgb '#777777'
set label 'pairs' at first 258.7, first 374.0 center rotate by 90 font ',9' tc rgb '#777777'
set label 'linear' at first 528.1, first 459.0 left font ',10' tc rgb '#111111'
set label '16' at first 550.1, first 290.0 center font ',9' tc rgb '#444444'
set label '32' at first 594.0, first 290.0 center font ',9' tc rgb '#444444'
set label '64' at first 638.0, first 290.0 center font ',9' tc rgb '#444444'
set label '128' at first 682.0, first 290.0 center font ',9' tc rgb '#444444'
set label '8' at first 523.1, first 311.5 right font ',9' tc rgb '#444444'
set label '16' at first 523.1, first 336.5 right font ',9' tc rgb '#444444'
set label '32' at first 523.1, first 361.5 right font ',9' tc rgb '#444444'
set label '64' at first 523.1, first 386.5 right font ',9' tc rgb '#444444'
set label '128' at first 523.1, first 411.5 right font ',9' tc rgb '#444444'
set label '256' at first 523.1, first 436.5 right font ',9' tc rgb '#444444'
set label 'dk' at first 616.0, first 277.0 center font ',9' tc rgb '#777777'
set label 'pairs' at first 495.3, first 374.0 center rotate by 90 font ',9' tc rgb '#777777'
set label 'performer' at first 54.7, first 251.0 left font ',10' tc rgb '#111111'
set label '16' at first 76.7, first 82.0 center font ',9' tc rgb '#444444'
set label '32' at first 120.7, first 82.0 center font ',9' tc rgb '#444444'
set label '64' at first 164.7, first 82.0 center font ',9' tc rgb '#444444'
set label '128' at first 208.7, first 82.0 center font ',9' tc rgb '#444444'
set label '8' at first 49.7, first 103.5 right font ',9' tc rgb '#444444'
set label '16' at first 49.7, first 128.5 right font ',9' tc rgb '#444444'
set label '32' at first 49.7, first 153.5 right font ',9' tc rgb '#444444'
set label '64' at first 49.7, first 178.5 right font ',9' tc rgb '#444444'
set label '128' at first 49.7, first 203.5 right font ',9' tc rgb '#444444'
set label '256' at first 49.7, first 228.5 right font ',9' tc rgb '#444444'
set label 'dk' at first 142.7, first 69.0 center font ',9' tc rgb '#777777'
set label 'pairs' at first 22.0, first 166.0 center rotate by 90 font ',9' tc rgb '#777777'
set label 'retnet' at first 291.4, first 251.0 left font ',10' tc rgb '#111111'
set label '16' at first 313.4, first 82.0 center font ',9' tc rgb '#444444'
set label '32' at first 357.4, first 82.0 center font ',9' tc rgb '#444444'
set label '64' at first 401.4, first 82.0 center font ',9' tc rgb '#444444'
set label '128' at first 445.3, first 82.0 center font ',9' tc rgb '#444444'
set label '8' at first 286.4, first 103.5 right font ',9' tc rgb '#444444'
set label '16' at first 286.4, first 128.5 right font ',9' tc rgb '#444444'
set label '32' at first 286.4, first 153.5 right font ',9' tc rgb '#444444'
set label '64' at first 286.4, first 178.5 right font ',9' tc rgb '#444444'
set label '128' at first 286.4, first 203.5 right font ',9' tc rgb '#444444'
set label '256' at first 286.4, first 228.5 right font ',9' tc rgb '#444444'
set label 'dk' at first 379.4, first 69.0 center font ',9' tc rgb '#777777'
set label 'pairs' at first 258.7, first 166.0 center rotate by 90 font ',9' tc rgb '#777777'
set label 'softmax' at first 528.1, first 251.0 left font ',10' tc rgb '#111111'
set label '16' at first 550.1, first 82.0 center font ',9' tc rgb '#444444'
set label '32' at first 594.0, first 82.0 center font ',9' tc rgb '#444444'
set label '64' at first 638.0, first 82.0 center font ',9' tc rgb '#444444'
set label '128' at first 682.0, first 82.0 center font ',9' tc rgb '#444444'
set label '8' at first 523.1, first 103.5 right font ',9' tc rgb '#444444'
set label '16' at first 523.1, first 128.5 right font ',9' tc rgb '#444444'
set label '32' at first 523.1, first 153.5 right font ',9' tc rgb '#444444'
set label '64' at first 523.1, first 178.5 right font ',9' tc rgb '#444444'
set label '128' at first 523.1, first 203.5 right font ',9' tc rgb '#444444'
set label '256' at first 523.1, first 228.5 right font ',9' tc rgb '#444444'
set label 'dk' at first 616.0, first 69.0 center font ',9' tc rgb '#777777'
set label 'pairs' at first 495.3, first 166.0 center rotate by 90 font ',9' tc rgb '#777777'
set label 'A panel for each variant and setting. 256 to 512 answers a box. Chance 0.0039. Beyond the orange line, towards more pairs or smaller states, there are more' at screen 0.012, screen 0.0658 left font ',8' tc rgb '#555555'
set label 'pairs than keys can be independent in the memory of one head (dk, or the features of a kernel). No line: every token is kept, or all boxes lie on one side. 1' at screen 0.012, screen 0.0406 left font ',8' tc rgb '#555555'
set label 'round. T 4k. AMD EPYC, 1 threads, f32, H 2, causal. Task: keys random, filler null. Sweep 5d2d4f64 of 2026-11-21, labench 0.1.0 (3bcd0b6).' at screen 0.012, screen 0.0155 left font ',8' tc rgb '#555555'

unset border
unset tics
set style fill solid 1.0 border rgb '#ffffff'
# Columns of the data: x y width height colour words colour-of-the-words, in pixels; then what the box stands
# for. The second block are pieces of the capacity line of one head, the third of all heads: x y dx dy.
set terminal svg size 720,517 fixed enhanced font 'DejaVu Sans,11' background rgb '#ffffff'
set output 'heatmap_recall_dk_pairs.svg'
plot 'heatmap_recall_dk_pairs.dat' index 0 using 1:2:($1-$3/2):($1+$3/2):($2-$4/2):($2+$4/2):5 with boxxyerror lc rgb variable, \
     '' index 0 using 1:2:6:7 with labels font ',9' tc rgb variable, \
     '' index 1 using 1:2:3:4 with vectors nohead lw 5 lc rgb '#ffffff', \
     '' index 1 using 1:2:3:4 with vectors nohead lw 2.4 dt 1 lc rgb '#d55e00'
set terminal pngcairo size 1440,1034 enhanced font 'DejaVu Sans,11' fontscale 1.55 linewidth 2 pointscale 2 background rgb '#ffffff'
set output 'heatmap_recall_dk_pairs.png'
replot
