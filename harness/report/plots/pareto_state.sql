-- Accuracy of a task (?2) against bytes that a sequence carries, at the longest length at which the
-- most variants have both.
WITH p AS (
  SELECT * FROM v_pareto
  WHERE sweep_id = CAST(?1 AS INT) AND task = ?2 AND outcome = 'ok' AND state_bytes > 0
    AND task_options = (SELECT task_options FROM v_pareto
      WHERE sweep_id = CAST(?1 AS INT) AND task = ?2 ORDER BY ordinal LIMIT 1))
SELECT variant, options, task_options, model_options, train_options, mask, seqlen AS length,
  state_bytes AS x, outcome, message, accuracy AS y, lo, hi, n, rounds_done AS n_rounds
FROM p WHERE seqlen = (
  SELECT seqlen FROM p GROUP BY seqlen ORDER BY count(DISTINCT variant) DESC, seqlen DESC LIMIT 1)
GROUP BY cell_id HAVING time_cell_id IS (
  SELECT min(q.time_cell_id) FROM p q WHERE q.cell_id = p.cell_id)
ORDER BY variant, ordinal
