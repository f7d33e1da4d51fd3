-- Cells that ended without what was asked of them, the worst first; what has no form is no failure.
SELECT c.cell_id, substr(c.cell_key, 1, 8) AS key, c.variant, c.impl,
  CASE c.task WHEN '' THEN c.pass ELSE c.task || ' ' || c.pass END AS does, c.seqlen,
  c.outcome, c.message, c.phase, c.signal, c.exit_code,
  (SELECT substr(a.stderr_tail, -2000) FROM attempt a WHERE a.cell_id = c.cell_id AND a.outcome = c.outcome
   ORDER BY a.attempt_id LIMIT 1) AS said
FROM v_cell c WHERE c.sweep_id = CAST(?1 AS INT) AND c.outcome NOT IN ('ok', 'planned', 'unsupported')
ORDER BY c.outcome LIKE 'predicted%', c.outcome LIKE 'oom%', c.outcome = 'timeout', c.ordinal
