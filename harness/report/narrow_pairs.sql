-- Cells of a type narrower than float32, each with the float32 cell of the same impl on the same problem:
-- the pair is (float32, narrow), so that the ratio of their times says how many times faster the narrow is.
WITH timed AS (
  SELECT * FROM v_time
  WHERE (?1 IS NULL OR sweep_id = CAST(?1 AS INT)) AND (?2 IS NULL OR pass = ?2)
    AND task = '' AND recipe IS NULL AND median_ns > 0)
SELECT f.cell_id, t.cell_id
FROM timed t JOIN timed f ON f.dtype = 'f32' AND t.dtype <> 'f32' AND f.sweep_id = t.sweep_id
  AND f.variant = t.variant AND f.impl = t.impl AND f.device_name = t.device_name
  AND f.pass = t.pass AND f.mask = t.mask AND f.batch = t.batch AND f.seqlen = t.seqlen
  AND f.tcap = t.tcap AND f.heads = t.heads AND f.kv_heads = t.kv_heads
  AND f.qk_heads = t.qk_heads AND f.dk = t.dk AND f.dv = t.dv AND f.threads = t.threads
  AND f.scale = t.scale AND f.cache_mode = t.cache_mode AND f.input_dist = t.input_dist
  AND f.options = t.options
ORDER BY t.sweep_id, t.ordinal, t.cell_id
