-- One side of a comparison: the timing cells of sweep ?1, of variant ?2 where it is given.
-- `identity` says which cells of the two sides are the same; between variants it leaves out what belongs to
-- the variant. The fastest comes first of those that share it.
SELECT cell_id, variant, impl, pass, dtype, mask, batch, heads, kv_heads, qk_heads, dk, dv, threads, options,
  cache_mode, device_name, seqlen, seqlen AS x, outcome, median_ns,
  pass || ' ' || dtype || ' ' || mask || ' ' || batch || ' ' || heads || ' ' || kv_heads || ' ' || qk_heads
    || ' ' || dk || ' ' || dv || ' ' || threads || ' ' || scale || ' ' || cache_mode || ' ' || input_dist
    || ' ' || seqlen || iif(?2 IS NULL, ' ' || variant || ' ' || options, '') AS identity
FROM v_time
WHERE sweep_id = CAST(?1 AS INT) AND task = '' AND (?2 IS NULL OR variant = ?2)
ORDER BY ordinal, median_ns IS NULL, median_ns, cell_id
