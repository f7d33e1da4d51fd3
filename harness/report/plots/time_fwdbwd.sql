-- Time of one forward call and its backward, ns.
SELECT variant, impl, dtype, batch, heads, kv_heads, qk_heads, dk, dv, threads, options, cache_mode,
  device_name, mask, seqlen AS x, outcome, message,
  median_ns AS y, lo_ns AS lo, hi_ns AS hi, n, n_rounds
FROM v_time
WHERE sweep_id = CAST(?1 AS INT) AND task = '' AND pass = 'fwdbwd'
ORDER BY variant, ordinal
