-- Passes with rates and a measured peak; each has a figure.
SELECT DISTINCT pass FROM v_time
WHERE sweep_id = CAST(?1 AS INT) AND task = '' AND recipe IS NULL AND outcome = 'ok' AND flop > 0
  AND byte > 0 AND peak_flop_per_s > 0
ORDER BY CASE pass WHEN 'fwd' THEN 0 WHEN 'bwd' THEN 1 WHEN 'fwdbwd' THEN 2 ELSE 3 END
