-- Why sampling ended, by attempts; and what was drawn, with which caches.
SELECT CASE WHEN c.task = '' THEN 'time' WHEN c.pass = 'train' THEN 'training' ELSE 'accuracy' END AS "what",
  c.input_dist AS inputs, c.cache_mode AS caches, l.stop_reason AS "stopped by", count(*) AS attempts
FROM v_last l JOIN v_cell c ON c.cell_id = l.cell_id
WHERE c.sweep_id = CAST(?1 AS INT) AND l.outcome = 'ok' AND l.stop_reason IS NOT NULL
GROUP BY 1, 2, 3, 4 ORDER BY 1 DESC, 5 DESC, 2, 3, 4
