-- Bytes besides inputs and outputs: exact; and what resident memory grew by in the first call, its results
-- included.
WITH m AS (SELECT * FROM v_memory WHERE sweep_id = CAST(?1 AS INT) AND task = '' AND pass = 'fwd'),
r AS (
  SELECT *, '' AS measure, extra_bytes AS bytes FROM m
  UNION ALL SELECT *, 'resident', max(rss_extra_bytes, 4096) FROM m WHERE rss_extra_bytes IS NOT NULL)
SELECT variant, impl, dtype, batch, heads, kv_heads, qk_heads, dk, dv, threads, options, cache_mode,
  device_name, mask, measure, seqlen AS x, outcome, message,
  CASE outcome WHEN 'ok' THEN bytes END AS y, rounds_done AS n_rounds
FROM r ORDER BY variant, ordinal, measure
