-- Cells of one pass and length (?2) that were timed.
SELECT cell_id, variant, impl, dtype, batch, heads, kv_heads, qk_heads, dk, dv, threads, options, cache_mode,
  device_name, mask, seqlen AS length, seqlen AS x, outcome, median_ns AS y, n, n_rounds
FROM v_time
WHERE sweep_id = CAST(?1 AS INT) AND task = '' AND recipe IS NULL AND pass = json_extract(?2, '$.pass')
  AND seqlen = json_extract(?2, '$.length')
ORDER BY variant, ordinal
