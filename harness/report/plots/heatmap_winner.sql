-- One row a box of a map of the fastest: which of labench's own variants, baselines apart, takes the least
-- time. ?2 says the pass (as its task) and the two axes. y is how many times longer the second takes; lo above
-- 1 where the intervals of the two do not meet. A panel for each mask: they are not the same problem.
WITH c AS (
  SELECT *, json_object('length', seqlen, 'dk', dk, 'heads', heads, 'batch', batch, 'threads', threads,
    'kv', nullif(kv_heads, heads), 'qk', nullif(qk_heads, heads), 'dv', nullif(dv, dk),
    'options', json(options)) AS axes
  FROM v_time
  WHERE sweep_id = CAST(?1 AS INT) AND task = '' AND pass = json_extract(?2, '$.task')
    AND tags NOT LIKE '%baseline%'
    AND (impl LIKE 'cpu\_%' ESCAPE '\' OR impl LIKE 'cuda\_%' ESCAPE '\')),
d AS (
  SELECT *, json_extract(axes, json_extract(?2, '$.x')) AS x_value,
    json_extract(axes, json_extract(?2, '$.y')) AS y_value,
    json_remove(axes, json_extract(?2, '$.x'), json_extract(?2, '$.y'), '$.options') AS rest FROM c),
v AS ( -- the fastest setting of each variant
  SELECT *, row_number() OVER (
    PARTITION BY variant, mask, dtype, cache_mode, device_name, rest, x_value, y_value
    ORDER BY median_ns IS NULL, median_ns, cell_id) AS own
  FROM d WHERE x_value IS NOT NULL AND y_value IS NOT NULL),
w AS (
  SELECT *, row_number() OVER box AS place, lead(median_ns) OVER box AS next_ns,
    lead(lo_ns) OVER box AS next_lo
  FROM v WHERE own = 1
  WINDOW box AS (PARTITION BY mask, dtype, cache_mode, device_name, rest, x_value, y_value
    ORDER BY median_ns IS NULL, median_ns, cell_id))
SELECT mask AS variant, dtype, cache_mode, device_name, json_extract(rest, '$.length') AS length,
  json_extract(rest, '$.dk') AS dk, json_extract(rest, '$.heads') AS heads,
  json_extract(rest, '$.kv') AS kv_heads, json_extract(rest, '$.qk') AS qk_heads,
  json_extract(rest, '$.dv') AS dv, json_extract(rest, '$.batch') AS batch, json_extract(rest, '$.threads') AS threads,
  dense_rank() OVER (ORDER BY x_value) AS x, dense_rank() OVER (ORDER BY y_value) AS row,
  x_value, y_value, outcome, message, iif(median_ns > 0, coalesce(next_ns / median_ns, 1e9), NULL) AS y,
  coalesce(next_lo, next_ns) / coalesce(hi_ns, median_ns) AS lo, NULL AS hi, n, n_rounds, variant AS name,
  NULL AS chance, NULL AS held, NULL AS room, 1 AS memories
FROM w WHERE place = 1
ORDER BY mask = 'bidirectional', ordinal
