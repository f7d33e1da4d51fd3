-- One row a box of a map of time; ?2 says the pass (as its task) and the two axes, whose values x and row
-- number.
WITH c AS (
  SELECT *, json_object('length', seqlen, 'dk', dk, 'heads', heads, 'batch', batch, 'threads', threads,
    'kv', nullif(kv_heads, heads), 'qk', nullif(qk_heads, heads), 'dv', nullif(dv, dk),
    'options', json(options)) AS axes
  FROM v_time WHERE sweep_id = CAST(?1 AS INT) AND task = '' AND pass = json_extract(?2, '$.task')),
d AS (
  SELECT *, json_extract(axes, json_extract(?2, '$.x')) AS x_value,
    json_extract(axes, json_extract(?2, '$.y')) AS y_value,
    json_remove(axes, json_extract(?2, '$.x'), json_extract(?2, '$.y')) AS rest FROM c)
SELECT variant, impl, mask, dtype, cache_mode, device_name, json_extract(rest, '$.length') AS length,
  json_extract(rest, '$.dk') AS dk, json_extract(rest, '$.heads') AS heads,
  json_extract(rest, '$.kv') AS kv_heads, json_extract(rest, '$.qk') AS qk_heads,
  json_extract(rest, '$.dv') AS dv, json_extract(rest, '$.batch') AS batch, json_extract(rest, '$.threads') AS threads,
  json_extract(rest, '$.options') AS options,
  dense_rank() OVER (ORDER BY x_value) AS x, dense_rank() OVER (ORDER BY y_value) AS row,
  x_value, y_value, outcome, message, median_ns AS y, lo_ns AS lo, hi_ns AS hi, n, n_rounds,
  NULL AS chance, NULL AS held, NULL AS room, 1 AS memories
FROM d ORDER BY variant, ordinal
