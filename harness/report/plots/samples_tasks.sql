-- Passes with samples; each has a figure, of the longest length at which the most lines have some.
WITH t AS (
  SELECT * FROM v_time
  WHERE sweep_id = CAST(?1 AS INT) AND task = '' AND recipe IS NULL AND n > 0),
l AS (
  SELECT pass, seqlen, row_number() OVER (PARTITION BY pass ORDER BY count(*) DESC, seqlen DESC) AS place
  FROM t WHERE ?3 IS NULL OR seqlen = CAST(?3 AS INT) GROUP BY pass, seqlen)
SELECT json_object('pass', pass, 'length', seqlen) AS task, pass AS stem,
  pass || ': every sample' AS title
FROM l WHERE place = 1
ORDER BY CASE pass WHEN 'fwd' THEN 0 WHEN 'bwd' THEN 1 WHEN 'fwdbwd' THEN 2 ELSE 3 END
