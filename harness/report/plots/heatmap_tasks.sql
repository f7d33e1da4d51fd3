-- Maps of accuracy: every two axes of a task that vary within a variant, and whose values were nearly all
-- combined. The axis that says how much is to be remembered stands upright, the length lies.
WITH c AS (
  SELECT task, variant, json_object('length', seqlen, 'dk', iif(recipe IS NULL, dk, NULL),
    'heads', iif(recipe IS NULL, heads, NULL), 'options', json(options), 'task', json(task_options),
    'model', json(model_options), 'train', json(train_options)) AS axes
  FROM v_cell WHERE sweep_id = CAST(?1 AS INT) AND task <> '' AND pass = 'eval'),
a AS (
  SELECT DISTINCT task, path, name FROM (
    SELECT c.task, t.fullkey AS path, t.key AS name
    FROM c, json_tree(c.axes) t WHERE t.atom IS NOT NULL AND t.fullkey NOT LIKE '%[%'
    GROUP BY c.task, c.variant, t.fullkey HAVING count(DISTINCT t.atom) BETWEEN 2 AND 32)),
p AS (
  SELECT *, CASE WHEN path = '$.length' THEN 0 WHEN name IN ('pairs', 'eval_pairs', 'load') THEN 4
    WHEN path LIKE '$.task.%' THEN 3 WHEN path LIKE '$.train.%' THEN 2 ELSE 1 END AS place FROM a)
SELECT json_object('task', x.task, 'x', x.path, 'y', y.path, 'x_name', x.name, 'y_name', y.name) AS map,
  x.task || '_' || x.name || '_' || y.name AS stem,
  x.task || ': accuracy over ' || x.name || ' and ' || y.name AS title
FROM p x JOIN p y ON y.task = x.task AND (x.place, x.path) < (y.place, y.path)
WHERE (SELECT count(DISTINCT json_array(json_extract(axes, x.path), json_extract(axes, y.path))) >
    0.75 * count(DISTINCT json_extract(axes, x.path)) * count(DISTINCT json_extract(axes, y.path))
  FROM c WHERE c.task = x.task)
ORDER BY x.task, x.place, x.path, y.place, y.path
