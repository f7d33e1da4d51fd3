-- How many times faster pass ?2 is with more threads, at the longest length that was timed with
-- several: the fewest threads count as themselves.
WITH t AS (
  SELECT * FROM v_time
  WHERE sweep_id = CAST(?1 AS INT) AND task = '' AND recipe IS NULL AND pass = ?2
    AND outcome = 'ok' AND median_ns > 0),
many AS (
  SELECT * FROM t GROUP BY variant, impl, dtype, mask, batch, heads, kv_heads, qk_heads, dk, dv,
    options, cache_mode, device_name, seqlen
  HAVING count(DISTINCT threads) > 1)
SELECT t.variant, t.impl, t.dtype, t.batch, t.heads, t.kv_heads, t.qk_heads, t.dk, t.dv, t.options,
  t.cache_mode, t.device_name, t.mask, t.seqlen AS length, t.threads AS x, t.outcome,
  b.threads * b.median_ns / t.median_ns AS y,
  CASE WHEN t.cell_id <> b.cell_id THEN b.threads * b.lo_ns / t.hi_ns END AS lo,
  CASE WHEN t.cell_id <> b.cell_id THEN b.threads * b.hi_ns / t.lo_ns END AS hi, t.n, t.n_rounds
FROM t JOIN t b ON b.variant = t.variant AND b.impl = t.impl AND b.dtype = t.dtype
  AND b.mask = t.mask AND b.batch = t.batch AND b.heads = t.heads AND b.kv_heads = t.kv_heads
  AND b.qk_heads = t.qk_heads AND b.dk = t.dk AND b.dv = t.dv AND b.options = t.options
  AND b.cache_mode = t.cache_mode AND b.device_name = t.device_name AND b.seqlen = t.seqlen
  AND b.threads = (SELECT min(threads) FROM t)
WHERE t.seqlen = (SELECT max(seqlen) FROM many)
ORDER BY t.variant, t.ordinal
