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
    WHEN path LIKE '$.task.%' THEN 3 WHEN path LIKE '$.train.%' THEN 2 ELSE 1 END AS place FROM a),
m AS (
  SELECT x.task, x.path AS x, y.path AS y, x.name AS x_name, y.name AS y_name,
    x.place AS x_place, y.place AS y_place,
    x.task || ': accuracy over ' || x.name || ' and ' || y.name AS title
  FROM p x JOIN p y ON y.task = x.task AND (x.place, x.path) < (y.place, y.path))
SELECT json_object('task', task, 'x', x, 'y', y, 'x_name', x_name, 'y_name', y_name,
  'title', title) AS map, task || '_' || x_name || '_' || y_name AS stem, title
FROM m WHERE (SELECT count(DISTINCT json_array(json_extract(axes, x), json_extract(axes, y))) >
    0.75 * count(DISTINCT json_extract(axes, x)) * count(DISTINCT json_extract(axes, y))
  FROM c WHERE c.task = m.task)
ORDER BY task, x_place, x, y_place, y
