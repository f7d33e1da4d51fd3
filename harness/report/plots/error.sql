-- Relative error of the forward output against float64: the worst round.
SELECT c.variant, c.impl, c.dtype, c.batch, c.heads, c.kv_heads, c.qk_heads, c.dk, c.dv, c.threads,
  c.options, c.cache_mode, c.device_name, c.mask, c.seqlen AS x, c.outcome, c.message,
  e.rel_rms AS y, c.rounds_done AS n_rounds
FROM v_cell c LEFT JOIN v_error e ON e.cell_id = c.cell_id
WHERE c.sweep_id = CAST(?1 AS INT) AND c.task = '' AND c.pass = 'fwd'
ORDER BY c.variant, c.ordinal
