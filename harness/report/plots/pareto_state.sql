-- Accuracy of a task (?2) against bytes that a sequence carries, at the longest length at which the
-- most variants have both.
WITH p AS (
  SELECT v.* FROM v_pareto v JOIN cell t ON t.cell_id = v.time_cell_id
  WHERE v.sweep_id = CAST(?1 AS INT) AND v.task = ?2 AND v.outcome = 'ok' AND v.state_bytes > 0
    AND v.task_options = (SELECT task_options FROM v_pareto
      WHERE sweep_id = CAST(?1 AS INT) AND task = ?2 ORDER BY ordinal LIMIT 1)
    AND (v.recipe IS NOT NULL OR
      (t.dtype, t.batch, t.heads, t.kv_heads, t.qk_heads, t.dk, t.dv, t.threads) =
      (v.dtype, v.batch, v.heads, v.kv_heads, v.qk_heads, v.dk, v.dv, v.threads)))
SELECT variant, iif(recipe IS NULL, dtype, NULL) AS dtype, iif(recipe IS NULL, batch, NULL) AS batch,
  iif(recipe IS NULL, heads, NULL) AS heads, iif(recipe IS NULL, kv_heads, NULL) AS kv_heads,
  iif(recipe IS NULL, qk_heads, NULL) AS qk_heads, iif(recipe IS NULL, dk, NULL) AS dk,
  iif(recipe IS NULL, nullif(dv, dk), NULL) AS dv, iif(recipe IS NULL, threads, NULL) AS threads,
  iif(recipe IS NULL, device_name, NULL) AS device_name, options,
  task_options, model_options, train_options, mask, seqlen AS length,
  state_bytes / iif(recipe IS NULL, batch, 1) AS x, outcome, message, accuracy AS y, lo, hi, n, rounds_done AS n_rounds
FROM p WHERE seqlen = (
    SELECT seqlen FROM p GROUP BY seqlen ORDER BY count(DISTINCT variant) DESC, seqlen DESC LIMIT 1)
  AND time_cell_id = (SELECT min(q.time_cell_id) FROM p q WHERE q.cell_id = p.cell_id)
ORDER BY variant, ordinal
