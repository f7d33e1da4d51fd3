-- One row a box of a map; ?2 says the task and its two axes. x and y number the values of the axes; room is
-- how many keys can be independent in the memory of one head (dk, or the features of a kernel), held how
-- many pairs there are.
WITH c AS (
  SELECT *, json_object('length', seqlen, 'dk', iif(recipe IS NULL, dk, NULL),
    'heads', iif(recipe IS NULL, heads, NULL), 'kv', iif(recipe IS NULL, nullif(kv_heads, heads), NULL),
    'qk', iif(recipe IS NULL, nullif(qk_heads, heads), NULL), 'dv', iif(recipe IS NULL, nullif(dv, dk), NULL),
    'batch', iif(recipe IS NULL, batch, NULL), 'options', json(options), 'task', json(task_options),
    'model', json(model_options), 'train', json(iif(json_extract(train_options, '$.at_length'),
      json_remove(train_options, '$.lengths'), train_options))) AS axes
  FROM v_cell WHERE sweep_id = CAST(?1 AS INT) AND pass = 'eval'
    AND task = json_extract(?2, '$.task')),
d AS (
  SELECT *, json_extract(axes, json_extract(?2, '$.x')) AS x_value,
    json_extract(axes, json_extract(?2, '$.y')) AS y_value,
    json_remove(axes, json_extract(?2, '$.x'), json_extract(?2, '$.y')) AS rest FROM c)
SELECT d.variant, iif(d.recipe IS NULL, d.impl, NULL) AS impl, d.mask,
  iif(d.recipe IS NULL, d.device_name, NULL) AS device_name, iif(d.recipe IS NULL, d.dtype, NULL) AS dtype,
  iif(d.recipe IS NULL, d.threads, NULL) AS threads,
  json_extract(d.rest, '$.length') AS length, json_extract(d.rest, '$.dk') AS dk,
  json_extract(d.rest, '$.heads') AS heads, json_extract(d.rest, '$.kv') AS kv_heads,
  json_extract(d.rest, '$.qk') AS qk_heads, json_extract(d.rest, '$.dv') AS dv,
  json_extract(d.rest, '$.batch') AS batch, json_extract(d.rest, '$.options') AS options,
  json_extract(d.rest, '$.task') AS task_options, json_extract(d.rest, '$.model') AS model_options,
  json_extract(d.rest, '$.train') AS train_options,
  dense_rank() OVER (ORDER BY d.x_value) AS x, dense_rank() OVER (ORDER BY d.y_value) AS row,
  d.x_value, d.y_value, d.outcome, d.message, a.accuracy AS y, a.lo, a.hi, a.n, a.chance,
  d.rounds_done AS n_rounds, iif(d.recipe IS NULL, 1, d.heads) AS memories,
  CASE WHEN json_extract(d.model_options, '$.hybrid') <> '' THEN NULL
    WHEN d.tags LIKE '%recurrent%' THEN d.dk
    WHEN d.tags LIKE '%kernel%' THEN k.state_bytes / (4 * iif(d.recipe IS NULL, d.batch, 1) * d.heads *
      coalesce(json_extract(d.model_options, '$.layers'), 1) *
      (d.dv + coalesce(json_extract(d.options, '$.normalize'), 1))) END AS room,
  CASE WHEN json_extract(d.task_options, '$.load') > 0
    THEN d.seqlen / json_extract(d.task_options, '$.load')
    ELSE coalesce(nullif(json_extract(d.task_options, '$.eval_pairs'), 0),
      nullif(json_extract(d.task_options, '$.pairs'), 0)) END AS held
FROM d JOIN cell k ON k.cell_id = d.cell_id
  LEFT JOIN v_accuracy a ON a.cell_id = d.cell_id AND a.metric = 'accuracy'
ORDER BY d.variant, d.ordinal
