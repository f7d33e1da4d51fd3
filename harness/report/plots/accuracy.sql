-- Part of the looked-up values that came back right, 0..1, over the length. Of several loads the
-- default one, or the first; `load` shows the others.
SELECT c.variant, c.impl, c.dtype, c.batch, c.heads, c.kv_heads, c.qk_heads, c.dk, c.dv, c.threads,
  c.options, c.task_options, c.cache_mode, c.device_name, c.mask, c.seqlen AS x, c.outcome,
  c.message, a.accuracy AS y, a.lo, a.hi, a.n, c.rounds_done AS n_rounds
FROM v_cell c LEFT JOIN v_accuracy a ON a.cell_id = c.cell_id AND a.metric = 'accuracy'
WHERE c.sweep_id = CAST(?1 AS INT) AND c.task = 'recall'
  AND (json_extract(c.task_options, '$.pairs'), json_extract(c.task_options, '$.load')) IS (
    SELECT json_extract(task_options, '$.pairs'), json_extract(task_options, '$.load')
    FROM v_cell WHERE sweep_id = CAST(?1 AS INT) AND task = 'recall'
    ORDER BY json_extract(task_options, '$.pairs') <> 32, ordinal LIMIT 1)
ORDER BY c.variant, c.ordinal
