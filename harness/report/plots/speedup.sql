-- Time of an impl over that of labench's best impl of the same variant on the same problem. ?2: the rows,
-- computed from the samples of both.
SELECT t.variant, t.impl, t.dtype, t.batch, t.heads, t.kv_heads, t.qk_heads, t.dk, t.dv, t.threads, t.options,
  t.cache_mode, t.device_name, t.mask, t.seqlen AS x, t.outcome, t.message,
  json_extract(j.value, '$.ratio') AS y, json_extract(j.value, '$.lo') AS lo,
  json_extract(j.value, '$.hi') AS hi, min(t.n, b.n) AS n, min(t.n_rounds, b.n_rounds) AS n_rounds
FROM json_each(?2) j
  JOIN v_time t ON t.cell_id = json_extract(j.value, '$.cell')
  JOIN v_time b ON b.cell_id = json_extract(j.value, '$.base')
WHERE t.sweep_id = CAST(?1 AS INT)
ORDER BY t.variant, t.ordinal, t.cell_id
