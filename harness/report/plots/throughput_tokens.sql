-- Tokens a second that a forward call takes in, of all sequences of the batch.
SELECT variant, impl, dtype, batch, heads, kv_heads, qk_heads, dk, dv, threads, options, cache_mode,
  device_name, mask, seqlen AS x, outcome, message,
  token_per_s AS y, tokens * 1e9 / hi_ns AS lo, tokens * 1e9 / lo_ns AS hi, n, n_rounds
FROM v_time
WHERE sweep_id = CAST(?1 AS INT) AND task = '' AND pass = 'fwd'
ORDER BY variant, ordinal
