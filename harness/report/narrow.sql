-- The rows of narrow_pairs.sql (?2, with ratios) and what is printed of them.
SELECT t.variant, t.impl, t.pass, t.dtype, t.mask, t.batch, t.heads, t.kv_heads, t.qk_heads, t.dk, t.dv,
  t.threads, t.options, t.cache_mode, t.device_name, t.seqlen, t.seqlen AS x,
  t.median_ns AS narrow_ns, f.median_ns AS wide_ns, json_extract(j.value, '$.ratio') AS speedup,
  json_extract(j.value, '$.lo') AS lo, json_extract(j.value, '$.hi') AS hi,
  e.rel_rms AS narrow_error, g.rel_rms AS wide_error
FROM json_each(?2) j
  JOIN v_time f ON f.cell_id = json_extract(j.value, '$.cell')
  JOIN v_time t ON t.cell_id = json_extract(j.value, '$.base')
  LEFT JOIN v_error e ON e.cell_id = t.cell_id
  LEFT JOIN v_error g ON g.cell_id = f.cell_id
WHERE t.sweep_id = CAST(?1 AS INT)
ORDER BY t.variant, t.impl, t.pass, t.seqlen, t.ordinal
