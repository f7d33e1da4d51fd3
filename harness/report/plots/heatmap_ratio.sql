-- One row a box of a map of ratios: how many times faster than a base. ?2 says the pass (as its task), the two
-- axes, and the base (none: softmax, else flash). The base is its own fastest impl and setting on the problem.
WITH c AS (
  SELECT *, json_object('length', seqlen, 'dk', dk, 'heads', heads, 'batch', batch, 'threads', threads,
    'kv', nullif(kv_heads, heads), 'qk', nullif(qk_heads, heads), 'dv', nullif(dv, dk),
    'options', json(options)) AS axes
  FROM v_time WHERE sweep_id = CAST(?1 AS INT) AND task = '' AND pass = json_extract(?2, '$.task')),
n AS (
  SELECT variant AS name FROM c
  WHERE median_ns > 0 AND iif(json_extract(?2, '$.base') IS NULL, variant IN ('softmax', 'flash'),
    variant = json_extract(?2, '$.base'))
  ORDER BY variant = 'flash' LIMIT 1),
b AS (
  SELECT *, row_number() OVER (
    PARTITION BY device_name, dtype, mask, batch, seqlen, heads, kv_heads, qk_heads, dk, dv, threads,
      cache_mode
    ORDER BY impl LIKE 'cpu\_%' ESCAPE '\' OR impl LIKE 'cuda\_%' ESCAPE '\' DESC, median_ns, cell_id) AS place
  FROM c WHERE variant = (SELECT name FROM n) AND median_ns > 0),
d AS (
  SELECT *, json_extract(axes, json_extract(?2, '$.x')) AS x_value,
    json_extract(axes, json_extract(?2, '$.y')) AS y_value,
    json_remove(axes, json_extract(?2, '$.x'), json_extract(?2, '$.y')) AS rest
  FROM c WHERE variant <> (SELECT name FROM n))
SELECT d.variant, d.impl, d.mask, d.dtype, d.cache_mode, d.device_name,
  json_extract(d.rest, '$.length') AS length, json_extract(d.rest, '$.dk') AS dk,
  json_extract(d.rest, '$.heads') AS heads, json_extract(d.rest, '$.kv') AS kv_heads, json_extract(d.rest, '$.qk') AS qk_heads,
  json_extract(d.rest, '$.dv') AS dv, json_extract(d.rest, '$.batch') AS batch,
  json_extract(d.rest, '$.threads') AS threads, json_extract(d.rest, '$.options') AS options,
  dense_rank() OVER (ORDER BY d.x_value) AS x, dense_rank() OVER (ORDER BY d.y_value) AS row,
  d.x_value, d.y_value, iif(d.outcome = 'ok' AND b.cell_id IS NULL, 'no_base', d.outcome) AS outcome,
  d.message, b.median_ns / d.median_ns AS y, b.lo_ns / d.hi_ns AS lo, b.hi_ns / d.lo_ns AS hi,
  min(d.n, b.n) AS n, min(d.n_rounds, b.n_rounds) AS n_rounds, (SELECT name FROM n) AS name,
  NULL AS chance, NULL AS held, NULL AS room, 1 AS memories
FROM d LEFT JOIN b ON b.place = 1 AND b.device_name = d.device_name AND b.dtype = d.dtype
  AND b.mask = d.mask AND b.batch = d.batch AND b.seqlen = d.seqlen AND b.heads = d.heads
  AND b.kv_heads = d.kv_heads AND b.qk_heads = d.qk_heads AND b.dk = d.dk AND b.dv = d.dv
  AND b.threads = d.threads AND b.cache_mode = d.cache_mode
ORDER BY d.variant, d.ordinal
