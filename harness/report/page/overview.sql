-- What a reader wants to know of a sweep before anything else.
SELECT s.*, substr(s.created_utc, 1, 10) AS day,
  (SELECT count(DISTINCT variant) FROM v_cell c WHERE c.sweep_id = s.sweep_id
    AND c.tags NOT LIKE '%baseline%') AS variants,
  (SELECT count(DISTINCT seqlen) FROM cell c WHERE c.sweep_id = s.sweep_id AND pass <> 'train') AS lengths,
  (SELECT min(seqlen) FROM cell c WHERE c.sweep_id = s.sweep_id AND pass <> 'train') AS shortest,
  (SELECT max(seqlen) FROM cell c WHERE c.sweep_id = s.sweep_id AND pass <> 'train') AS longest,
  (SELECT count(*) FROM v_warnings w WHERE w.sweep_id = s.sweep_id) +
  (SELECT count(*) FROM v_sweep_warnings w WHERE w.sweep_id = s.sweep_id) AS warnings,
  (SELECT group_concat(n || ' ' || outcome, ', ') FROM (SELECT count(*) AS n,
    CASE outcome WHEN 'oom_host' THEN 'out of memory' WHEN 'oom_device' THEN 'out of device memory'
      WHEN 'predicted_oom' THEN 'out of memory (predicted)' WHEN 'predicted_timeout'
      THEN 'too slow (predicted)' WHEN 'planned' THEN 'not run yet' WHEN 'nonfinite' THEN 'not finite'
      ELSE outcome END AS outcome FROM v_outcome o
    WHERE o.sweep_id = s.sweep_id GROUP BY 2 ORDER BY 2 <> 'ok', n DESC, 2)) AS outcomes,
  (SELECT group_concat(threads, ', ') FROM (SELECT DISTINCT threads FROM cell c
    WHERE c.sweep_id = s.sweep_id AND recipe IS NULL ORDER BY 1)) AS threads
FROM v_sweep s WHERE s.sweep_id = CAST(?1 AS INT)
