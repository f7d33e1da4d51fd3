-- The cells of some sweeps (?1: their ids, a JSON array) with all that a table of a paper may select them
-- by, and what was measured. Names of columns are those of `select` where it has them.
SELECT t.sweep_id, t.cell_id, t.cell_key, t.variant, t.impl, t.task, t.pass, t.dtype, t.mask, t.batch,
  t.seqlen AS length, t.heads, t.kv_heads, t.dk, t.dv, t.threads, t.options, t.task_options,
  t.model_options, t.train_options, t.outcome, t.message, t.n, t.median_ns, t.lo_ns, t.hi_ns, t.tokens,
  t.flop, m.extra_bytes, m.state_bytes,
  m.extra_bytes + m.input_bytes + m.output_bytes + m.state_bytes AS all_bytes
FROM v_time t JOIN v_memory m ON m.cell_id = t.cell_id
WHERE t.sweep_id IN (SELECT value FROM json_each(?1))
ORDER BY t.sweep_id, t.ordinal
