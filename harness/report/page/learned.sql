-- Accuracy of trained models: one row a variant, task and length, over whatever settings the sweep has.
SELECT c.variant, c.options, c.mask, c.seqlen, c.seqlen AS x, c.task, min(c.tags) AS tags,
  coalesce(min(iif(c.outcome NOT IN ('ok', 'unsupported'), c.outcome, NULL)), min(c.outcome)) AS outcome,
  -- Where one of several settings failed there is no number.
  iif(sum(c.outcome NOT IN ('ok', 'unsupported')), NULL, min(a.accuracy)) AS least,
  min(a.accuracy) AS y,
  iif(sum(c.outcome NOT IN ('ok', 'unsupported')), NULL, max(a.accuracy)) AS most, min(a.lo) AS lo, max(a.hi) AS hi
FROM v_cell c LEFT JOIN v_accuracy a ON a.cell_id = c.cell_id AND a.metric = 'accuracy'
WHERE c.sweep_id = CAST(?1 AS INT) AND c.pass = 'eval' AND c.recipe IS NOT NULL
GROUP BY c.variant, c.options, c.mask, c.seqlen, c.task
ORDER BY min(c.ordinal)
