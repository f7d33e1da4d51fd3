-- Accuracy of trained models on a task (?2) over the length: the mean of the seeds, and each of them.
SELECT c.variant, c.options, c.task_options, c.model_options, iif(json_extract(c.train_options, '$.at_length'),
    json_remove(c.train_options, '$.lengths'), c.train_options) AS train_options, c.mask,
  c.seqlen AS x, c.outcome, c.message, a.accuracy AS y, a.lo, a.hi, a.n, c.rounds_done AS n_rounds,
  (SELECT iif(count(*) > 1, group_concat(printf('%.6f', s.accuracy), ' '), '')
   FROM v_seed s WHERE s.cell_id = c.cell_id) AS seeds
FROM v_cell c LEFT JOIN v_accuracy a ON a.cell_id = c.cell_id AND a.metric = 'accuracy'
WHERE c.sweep_id = CAST(?1 AS INT) AND c.task = ?2 AND c.pass = 'eval' AND c.recipe IS NOT NULL
  AND json_extract(c.train_options, '$.difficulty') IS NULL
ORDER BY c.variant, c.ordinal
