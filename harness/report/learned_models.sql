-- How the models of task ?2 were trained: one row a cell, the mean over its seeds. The rate has a column of its
-- own and is no part of what tells two lines apart.
SELECT m.task, m.variant, m.options, m.task_options, m.model_options,
  iif(json_extract(m.train_options, '$.at_length'), json_remove(m.train_options, '$.lr', '$.lengths'),
    json_remove(m.train_options, '$.lr')) AS train_options,
  iif(json_extract(m.train_options, '$.at_length'), m.seqlen, NULL) AS length, m.mask, m.seqlen AS x, m.d_model, m.lr,
  count(*) AS seeds, m.parameters, avg(m.steps) AS steps, avg(m.val_accuracy) AS validation,
  min(m.val_accuracy) AS worst, avg(m.train_token_per_s) AS token_per_s, avg(m.train_ns) AS train_ns,
  sum(m.stop_reason IS 'reused') AS reused, group_concat(substr(m.model, 1, 8), ' ') AS models
FROM v_model m WHERE m.sweep_id = CAST(?1 AS INT) AND m.task = ?2
GROUP BY m.cell_id ORDER BY min(m.ordinal)
