-- Warnings by kind, and the cells each touches.
SELECT code, count(*) AS n, count(DISTINCT key) AS cells, min(text) AS example,
  (SELECT group_concat(key || ' ' || name, char(10)) FROM (
     SELECT DISTINCT substr(cell_key, 1, 8) AS key, variant || ' ' ||
       CASE task WHEN '' THEN pass ELSE task END || ' ' || seqlen AS name
     FROM v_warnings v WHERE v.sweep_id = CAST(?1 AS INT) AND v.code = w.code ORDER BY ordinal)) AS touched
FROM (
  SELECT code, substr(cell_key, 1, 8) AS key, text FROM v_warnings WHERE sweep_id = CAST(?1 AS INT)
  UNION ALL
  SELECT code, NULL, text FROM v_sweep_warnings WHERE sweep_id = CAST(?1 AS INT)) w
GROUP BY code ORDER BY cells = 0 DESC, n DESC, code
