-- Useful GFLOP/s of pass ?2 against operations a byte: the mathematics' own operations and the bytes
-- that must move at least once. One point a length.
SELECT variant, impl, dtype, batch, heads, kv_heads, qk_heads, dk, dv, threads, options, cache_mode,
  device_name, mask, flop_per_byte AS x, seqlen AS size, outcome, message,
  flop_per_s * 1e-9 AS y, flop / hi_ns AS lo, flop / lo_ns AS hi, n, n_rounds
FROM v_time
WHERE sweep_id = CAST(?1 AS INT) AND task = '' AND recipe IS NULL AND pass = ?2
  AND flop > 0 AND byte > 0
ORDER BY variant, ordinal
