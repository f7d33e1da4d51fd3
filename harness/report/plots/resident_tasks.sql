-- Passes of a sweep in which something ran whose workspace nobody declared: a peer. Each has a figure.
SELECT DISTINCT pass FROM v_memory
WHERE sweep_id = CAST(?1 AS INT) AND task = '' AND recipe IS NULL AND outcome = 'ok'
  AND pass <> 'decode' AND work_bytes IS NULL AND rss_extra_bytes IS NOT NULL
ORDER BY CASE pass WHEN 'fwd' THEN 0 WHEN 'bwd' THEN 1 ELSE 2 END
