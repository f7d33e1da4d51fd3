-- Validation accuracy over the steps of training for a task (?2). Of several learning rates the one
-- that validated best; the mean over seeds (one that stopped early keeps its last value), and their range.
WITH c AS (
  SELECT *, json_array(variant, options, task_options, model_options,
    json_remove(train_options, '$.lr'), seqlen, mask) AS kind FROM v_curve
  WHERE sweep_id = CAST(?1 AS INT) AND task = ?2 AND val_accuracy IS NOT NULL),
ends AS (
  SELECT cell_id, model, kind, max(step) AS last, val_accuracy AS final FROM c
  GROUP BY cell_id, model),
rates AS (SELECT cell_id, kind, avg(final) AS mean FROM ends GROUP BY cell_id),
best AS (
  SELECT cell_id FROM rates r WHERE cell_id = (
    SELECT q.cell_id FROM rates q WHERE q.kind = r.kind ORDER BY q.mean DESC, q.cell_id LIMIT 1)),
steps AS (SELECT DISTINCT cell_id, step FROM c WHERE cell_id IN (SELECT cell_id FROM best))
SELECT p.variant, p.options, p.task_options, p.model_options,
  iif(json_extract(p.train_options, '$.at_length'), json_remove(p.train_options, '$.lr', '$.lengths'),
    json_remove(p.train_options, '$.lr')) AS train_options,
  iif(json_extract(p.train_options, '$.at_length'), p.seqlen, NULL) AS length, p.mask, t.step AS x, 'ok' AS outcome,
  avg(p.val_accuracy) AS y, iif(count(*) > 1, min(p.val_accuracy), NULL) AS lo,
  iif(count(*) > 1, max(p.val_accuracy), NULL) AS hi, 0 AS n, count(*) AS n_rounds
FROM steps t JOIN c p ON p.cell_id = t.cell_id AND p.step = (
  SELECT max(u.step) FROM c u
  WHERE u.cell_id = p.cell_id AND u.model = p.model AND u.step <= t.step)
GROUP BY t.cell_id, t.step ORDER BY p.variant, t.step
