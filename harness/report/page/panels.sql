-- What cells do, in the order in which it is shown: passes, tasks, trainings.
SELECT CASE WHEN task = '' THEN pass WHEN pass = 'train' THEN task || ' training' ELSE task END AS panel,
  CASE WHEN task <> '' THEN '' WHEN pass = 'fwd' THEN 'forward' WHEN pass = 'fwdbwd'
    THEN 'forward + backward' WHEN pass = 'bwd' THEN 'backward' ELSE pass END AS words,
  CASE WHEN task = '' OR pass = 'train' THEN 'time' ELSE 'accuracy' END AS what
FROM v_cell WHERE sweep_id = CAST(?1 AS INT) GROUP BY panel
ORDER BY task <> '', pass = 'train', panel <> 'fwd', panel <> 'fwdbwd', min(ordinal)
