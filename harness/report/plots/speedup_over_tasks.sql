-- Passes in which a base (?2; none: softmax, else flash) was timed, and something else. Each has a figure.
WITH t AS (
  SELECT * FROM v_time
  WHERE sweep_id = CAST(?1 AS INT) AND task = '' AND recipe IS NULL AND median_ns > 0),
b AS (
  SELECT variant FROM t WHERE variant = ?2 OR (?2 IS NULL AND variant IN ('softmax', 'flash'))
  ORDER BY variant = 'flash' LIMIT 1)
SELECT json_object('pass', t.pass, 'base', b.variant) AS task, 'over_' || b.variant || '_' || t.pass AS stem,
  t.pass || ': how many times faster than ' || b.variant AS title
FROM t JOIN b
GROUP BY t.pass HAVING sum(t.variant = b.variant) > 0 AND sum(t.variant <> b.variant) > 0
ORDER BY CASE t.pass WHEN 'fwd' THEN 0 WHEN 'bwd' THEN 1 WHEN 'fwdbwd' THEN 2 ELSE 3 END
