-- What became of every cell of one panel (?2: a pass or a task): the map of the sweep.
SELECT c.variant, c.impl, c.dtype, c.batch, c.heads, c.kv_heads, c.qk_heads, c.dk, c.dv, c.threads,
  c.options, c.task_options, c.cache_mode, c.device_name, c.mask, c.seqlen AS x, c.outcome,
  c.message, CASE WHEN c.task = '' THEN c.median_ns ELSE a.accuracy END AS y
FROM v_time c LEFT JOIN v_accuracy a ON a.cell_id = c.cell_id AND a.metric = 'accuracy'
WHERE c.sweep_id = CAST(?1 AS INT) AND CASE WHEN c.task = '' THEN c.pass ELSE c.task END = ?2
ORDER BY c.variant, c.ordinal
