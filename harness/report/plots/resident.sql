-- Resident memory that the first call of pass ?2 added, as the process that made it saw it: the one figure
-- known of our own impls and of peers alike. A call that adds nothing is drawn at one page.
SELECT variant, impl, dtype, batch, heads, kv_heads, qk_heads, dk, dv, threads, options, cache_mode,
  device_name, mask, seqlen AS x, outcome, message,
  CASE outcome WHEN 'ok' THEN max(rss_extra_bytes, 4096) END AS y, rounds_done AS n_rounds
FROM v_memory
WHERE sweep_id = CAST(?1 AS INT) AND task = '' AND recipe IS NULL AND pass = ?2
ORDER BY variant, ordinal
