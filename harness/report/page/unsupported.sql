-- What the mathematics has no form for, and the reasons given.
SELECT variant, CASE task WHEN '' THEN pass ELSE task END AS "pass or task", count(*) AS cells,
  min(message) AS reason
FROM v_cell WHERE sweep_id = CAST(?1 AS INT) AND outcome = 'unsupported'
GROUP BY 1, 2 ORDER BY 1, 2
