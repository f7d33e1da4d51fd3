-- The bound an output is held to, as the run stored it.
SELECT DISTINCT 'bound' AS label, value AS y
FROM v_metrics WHERE sweep_id = CAST(?1 AS INT) AND task = '' AND pass = 'fwd'
  AND metric = 'rel_rms_bound' AND value > 0
