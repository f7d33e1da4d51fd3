-- Impls of one variant that were timed on one problem, each with labench's best of them. Own impls are
-- named after their backend; a peer's after the peer.
WITH timed AS (
  SELECT *, impl LIKE 'cpu\_%' ESCAPE '\' OR impl LIKE 'cuda\_%' ESCAPE '\' AS own
  FROM v_time
  WHERE (?1 IS NULL OR sweep_id = CAST(?1 AS INT)) AND (?2 IS NULL OR pass = ?2)
    AND task = '' AND recipe IS NULL AND median_ns > 0),
paired AS (
  SELECT cell_id, own, ordinal, sweep_id,
    first_value(cell_id) OVER same AS base_id, first_value(own) OVER same AS base_own
  FROM timed
  WINDOW same AS (
    PARTITION BY sweep_id, variant, device_name, pass, dtype, mask, batch, seqlen, tcap, heads,
      kv_heads, qk_heads, dk, dv, threads, scale, cache_mode, input_dist, options
    ORDER BY own DESC, median_ns, impl))
SELECT cell_id, base_id FROM paired
WHERE base_own AND cell_id <> base_id
ORDER BY sweep_id, ordinal, cell_id
