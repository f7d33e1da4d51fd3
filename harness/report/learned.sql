-- Accuracy of trained models: one row a cell of task ?2.
SELECT c.variant, c.options, c.task_options, c.model_options, iif(json_extract(c.train_options, '$.at_length'),
    json_remove(c.train_options, '$.lengths'), c.train_options) AS train_options, c.mask,
  c.seqlen AS x, c.seqlen, c.outcome, c.message, a.accuracy AS y,
  (SELECT min(s.accuracy) FROM v_seed s WHERE s.cell_id = c.cell_id) AS least,
  (SELECT max(s.accuracy) FROM v_seed s WHERE s.cell_id = c.cell_id) AS most
FROM v_cell c LEFT JOIN v_accuracy a ON a.cell_id = c.cell_id AND a.metric = 'accuracy'
WHERE c.sweep_id = CAST(?1 AS INT) AND c.task = ?2 AND c.pass = 'eval' AND c.recipe IS NOT NULL
  AND json_extract(c.train_options, '$.difficulty') IS NULL
ORDER BY c.ordinal
