-- Useful GFLOP/s of forward and backward: the mathematics' own operations over the median time.
SELECT variant, impl, dtype, batch, heads, kv_heads, qk_heads, dk, dv, threads, options, cache_mode,
  device_name, mask, seqlen AS x, outcome, message,
  flop_per_s * 1e-9 AS y, flop / hi_ns AS lo, flop / lo_ns AS hi, n, n_rounds
FROM v_time
WHERE sweep_id = CAST(?1 AS INT) AND task = '' AND pass = 'fwdbwd'
ORDER BY variant, ordinal
