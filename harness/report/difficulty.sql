-- Accuracy of task ?2 by the step of its difficulty; x numbers the steps in their order.
SELECT variant, options, mask, outcome, message, accuracy AS y,
  min(ordinal) OVER (PARTITION BY difficulty, step) AS x
FROM v_difficulty WHERE sweep_id = CAST(?1 AS INT) AND task = ?2 ORDER BY ordinal
