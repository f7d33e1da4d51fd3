-- Tasks with training curves.
SELECT task FROM v_curve WHERE sweep_id = CAST(?1 AS INT) AND val_accuracy IS NOT NULL
GROUP BY task ORDER BY task
