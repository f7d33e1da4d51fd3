-- Time of one token of one sequence after T - 1 others, ns.
SELECT variant, impl, dtype, batch, heads, kv_heads, qk_heads, dk, dv, threads, options, cache_mode,
  device_name, mask, seqlen AS x, outcome, message,
  median_ns / batch AS y, lo_ns / batch AS lo, hi_ns / batch AS hi, n, n_rounds
FROM v_time
WHERE sweep_id = CAST(?1 AS INT) AND task = '' AND pass = 'decode'
ORDER BY variant, ordinal
