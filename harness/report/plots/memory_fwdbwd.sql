-- Bytes a forward call and its backward takes besides inputs and outputs: exact, known also where it could not run.
SELECT variant, impl, dtype, batch, heads, kv_heads, qk_heads, dk, dv, threads, options, cache_mode,
  device_name, mask, seqlen AS x, outcome, message,
  CASE outcome WHEN 'ok' THEN extra_bytes END AS y, extra_bytes AS wanted, rounds_done AS n_rounds
FROM v_memory
WHERE sweep_id = CAST(?1 AS INT) AND task = '' AND pass = 'fwdbwd'
ORDER BY variant, ordinal
