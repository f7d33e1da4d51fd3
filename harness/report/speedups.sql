-- Each impl beside labench's best of its variant: ratios are theirs over the base's. Bytes are what a call
-- took besides inputs and outputs (workspace), or by how much the process grew (resident) where one of
-- the two does not say.
SELECT t.sweep_id, t.sweep, t.ordinal, t.variant, t.impl, b.impl AS base_impl, t.pass, t.dtype, t.mask,
  t.batch, t.heads, t.kv_heads, t.qk_heads, t.dk, t.dv, t.threads, t.options, t.cache_mode,
  t.device_name, t.seqlen, t.median_ns AS their_ns, b.median_ns AS base_ns,
  json_extract(j.value, '$.ratio') AS speedup, json_extract(j.value, '$.lo') AS lo,
  json_extract(j.value, '$.hi') AS hi, min(t.n, b.n) AS n, min(t.n_rounds, b.n_rounds) AS n_rounds,
  iif(m.workspace_peak_bytes > 0 AND o.workspace_peak_bytes > 0, 'workspace',
    iif(m.rss_extra_bytes > 0 AND o.rss_extra_bytes > 0, 'resident', NULL)) AS memory_kind,
  iif(m.workspace_peak_bytes > 0 AND o.workspace_peak_bytes > 0, m.workspace_peak_bytes,
    m.rss_extra_bytes) AS their_bytes,
  iif(m.workspace_peak_bytes > 0 AND o.workspace_peak_bytes > 0, o.workspace_peak_bytes,
    o.rss_extra_bytes) AS base_bytes,
  iif(m.workspace_peak_bytes > 0 AND o.workspace_peak_bytes > 0,
    1.0 * m.workspace_peak_bytes / o.workspace_peak_bytes,
    iif(m.rss_extra_bytes > 0 AND o.rss_extra_bytes > 0,
      1.0 * m.rss_extra_bytes / o.rss_extra_bytes, NULL)) AS memory_ratio
FROM json_each(?2) j
  JOIN v_time t ON t.cell_id = json_extract(j.value, '$.cell')
  JOIN v_time b ON b.cell_id = json_extract(j.value, '$.base')
  JOIN v_memory m ON m.cell_id = t.cell_id
  JOIN v_memory o ON o.cell_id = b.cell_id
WHERE ?1 IS NULL OR t.sweep_id = CAST(?1 AS INT)
