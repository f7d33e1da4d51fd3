-- Accuracy over the number of pairs to remember, at the longest length that has several loads.
WITH r AS (
  SELECT *, CASE WHEN json_extract(task_options, '$.load') > 0
    THEN nullif(seqlen / json_extract(task_options, '$.load'), 0)
    ELSE json_extract(task_options, '$.pairs') END AS pairs
  FROM v_cell WHERE sweep_id = CAST(?1 AS INT) AND task = 'recall')
SELECT c.variant, c.impl, c.dtype, c.batch, c.heads, c.kv_heads, c.qk_heads, c.dk, c.dv, c.threads,
  c.options, json_remove(c.task_options, '$.pairs', '$.load') AS task_options, c.cache_mode,
  c.device_name, c.mask, c.seqlen AS length, c.pairs AS x, c.outcome, c.message, a.accuracy AS y,
  a.lo, a.hi, a.n, c.rounds_done AS n_rounds
FROM r c LEFT JOIN v_accuracy a ON a.cell_id = c.cell_id AND a.metric = 'accuracy'
WHERE c.pairs > 0 AND c.seqlen = (SELECT max(seqlen) FROM (
  SELECT seqlen FROM r GROUP BY seqlen HAVING count(DISTINCT pairs) > 1))
ORDER BY c.variant, c.ordinal
