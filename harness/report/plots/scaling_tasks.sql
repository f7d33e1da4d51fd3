-- Passes in which some cell was timed with several thread counts; each has a figure.
SELECT DISTINCT pass FROM (
  SELECT pass FROM v_time
  WHERE sweep_id = CAST(?1 AS INT) AND task = '' AND recipe IS NULL AND median_ns > 0
  GROUP BY pass, variant, impl, dtype, mask, batch, heads, kv_heads, qk_heads, dk, dv, options,
    cache_mode, device_name, seqlen
  HAVING count(DISTINCT threads) > 1)
ORDER BY CASE pass WHEN 'fwd' THEN 0 WHEN 'bwd' THEN 1 WHEN 'fwdbwd' THEN 2 ELSE 3 END
