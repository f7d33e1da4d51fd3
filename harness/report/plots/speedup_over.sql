-- How many times faster each line is than a base on the same problem: labench's own fastest impl and setting
-- of it, else a peer's.
-- ?2: pass and base. Intervals from the ends of both intervals, which is wider than need be.
WITH t AS (
  SELECT * FROM v_time
  WHERE sweep_id = CAST(?1 AS INT) AND task = '' AND recipe IS NULL AND pass = json_extract(?2, '$.pass')),
b AS (
  SELECT *, row_number() OVER (
    PARTITION BY device_name, dtype, mask, batch, seqlen, heads, kv_heads, qk_heads, dk, dv, threads,
      cache_mode
    ORDER BY impl LIKE 'cpu\_%' ESCAPE '\' OR impl LIKE 'cuda\_%' ESCAPE '\' DESC, median_ns, cell_id) AS place
  FROM t WHERE variant = json_extract(?2, '$.base') AND median_ns > 0)
SELECT t.variant, t.impl, t.dtype, t.batch, t.heads, t.kv_heads, t.qk_heads, t.dk, t.dv, t.threads, t.options,
  t.cache_mode, t.device_name, t.mask, t.seqlen AS x, t.message,
  iif(t.outcome = 'ok' AND b.cell_id IS NULL, 'no_base', t.outcome) AS outcome,
  b.median_ns / t.median_ns AS y, iif(b.cell_id <> t.cell_id, b.lo_ns / t.hi_ns, NULL) AS lo,
  iif(b.cell_id <> t.cell_id, b.hi_ns / t.lo_ns, NULL) AS hi, min(t.n, b.n) AS n,
  min(t.n_rounds, b.n_rounds) AS n_rounds
FROM t LEFT JOIN b ON b.place = 1 AND b.device_name = t.device_name AND b.dtype = t.dtype
  AND b.mask = t.mask AND b.batch = t.batch AND b.seqlen = t.seqlen AND b.heads = t.heads
  AND b.kv_heads = t.kv_heads AND b.qk_heads = t.qk_heads AND b.dk = t.dk AND b.dv = t.dv
  AND b.threads = t.threads AND b.cache_mode = t.cache_mode
ORDER BY t.variant, t.ordinal, t.cell_id
