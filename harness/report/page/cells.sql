-- Everything that is said of one cell, for the cells of one panel (?2: a pass, a task or its training).
SELECT c.cell_id, substr(c.cell_key, 1, 8) AS key, c.variant, c.impl, c.dtype,
  iif(c.recipe IS NULL, c.batch, NULL) AS batch, c.heads, c.kv_heads, c.qk_heads, c.dk, c.dv, c.threads,
  c.options, c.task_options, c.model_options, c.train_options, c.cache_mode, c.device_name, c.mask,
  c.seqlen AS x, c.outcome, c.message,
  CASE WHEN c.task = '' OR c.pass = 'train' THEN c.median_ns ELSE a.accuracy END AS y,
  c.isa, c.recipe, c.median_ns, c.lo_ns, c.hi_ns, coalesce(c.n, a.n) AS n, c.rounds_done,
  c.flop_per_s / 1e9 AS gflops, c.pct_peak, c.pct_beside,
  iif(c.task = '', m.extra_bytes, NULL) AS work_bytes, nullif(m.saved_bytes, 0) AS saved_bytes,
  nullif(m.state_bytes, 0) AS state_bytes, m.rss_extra_bytes, e.rel_rms, a.accuracy,
  CASE WHEN c.task = '' OR c.pass = 'train' THEN c.lo_ns ELSE a.lo END AS lo,
  CASE WHEN c.task = '' OR c.pass = 'train' THEN c.hi_ns ELSE a.hi END AS hi
FROM v_time c LEFT JOIN v_accuracy a ON a.cell_id = c.cell_id AND a.metric = 'accuracy'
    AND c.outcome = 'ok'
  LEFT JOIN v_memory m ON m.cell_id = c.cell_id LEFT JOIN v_error e ON e.cell_id = c.cell_id
WHERE c.sweep_id = CAST(?1 AS INT) AND CASE WHEN c.task = '' THEN c.pass WHEN c.pass = 'train'
  THEN c.task || ' training' ELSE c.task END = ?2
ORDER BY c.variant, c.ordinal
