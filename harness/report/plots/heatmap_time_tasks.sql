-- Maps of time or of what follows from it (?4): for each pass every two axes that vary within a variant, and whose values were nearly all
-- combined. The length lies, the other stands upright.
WITH c AS (
  SELECT pass, variant, json_object('length', seqlen, 'dk', dk, 'heads', heads, 'batch', batch,
    'threads', threads, 'options', json(options)) AS axes
  FROM v_cell WHERE sweep_id = CAST(?1 AS INT) AND task = ''),
a AS (
  SELECT DISTINCT pass, path, name FROM (
    SELECT c.pass, t.fullkey AS path, t.key AS name FROM c, json_tree(c.axes) t
    WHERE t.atom IS NOT NULL AND ?2 IS ?2 AND ?3 IS ?3
    GROUP BY c.pass, c.variant, t.fullkey HAVING count(DISTINCT t.atom) BETWEEN 2 AND 32)),
p AS (SELECT *, path <> '$.length' AS place FROM a),
m AS (
  SELECT x.pass, x.path AS x, y.path AS y, x.name AS x_name, y.name AS y_name,
    x.pass || ': ' || ?4 || ' over ' || x.name || ' and ' || y.name AS title
  FROM p x JOIN p y ON y.pass = x.pass AND (x.place, x.path) < (y.place, y.path))
SELECT json_object('task', pass, 'x', x, 'y', y, 'x_name', x_name, 'y_name', y_name,
  'title', title) AS map, pass || '_' || x_name || '_' || y_name AS stem, title
FROM m WHERE (SELECT count(DISTINCT json_array(json_extract(axes, x), json_extract(axes, y))) >
    0.75 * count(DISTINCT json_extract(axes, x)) * count(DISTINCT json_extract(axes, y))
  FROM c WHERE c.pass = m.pass)
ORDER BY pass, x, y
