-- What became of every cell of one panel (?2: a pass, a task or its training): the map of the sweep.
SELECT c.variant, c.impl, c.dtype, iif(c.recipe IS NULL, c.batch, NULL) AS batch, c.heads, c.kv_heads, c.qk_heads, c.dk, c.dv, c.threads,
  c.options, c.task_options, c.model_options, c.train_options, c.cache_mode, c.device_name, c.mask, c.seqlen AS x, c.outcome,
  c.message, CASE WHEN c.task = '' OR c.pass = 'train' THEN c.median_ns ELSE a.accuracy END AS y
FROM v_time c LEFT JOIN v_accuracy a ON a.cell_id = c.cell_id AND a.metric = 'accuracy'
WHERE c.sweep_id = CAST(?1 AS INT) AND CASE WHEN c.task = '' THEN c.pass WHEN c.pass = 'train' THEN c.task || ' training' ELSE c.task
  END = ?2
ORDER BY c.variant, c.ordinal
