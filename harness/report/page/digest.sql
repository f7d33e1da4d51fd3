-- Every row that the report rests on, in an order that does not depend on the database they are in.
SELECT c.cell_key, a.round, a.uuid, a.outcome,
  (SELECT group_concat(total_ns || '/' || iters, ' ') FROM (
     SELECT total_ns, iters FROM sample p WHERE p.attempt_id = a.attempt_id ORDER BY p.idx)),
  (SELECT group_concat(name || ' ' || coalesce(printf('%.17g', value), 'null'), ' ') FROM (
     SELECT name, value FROM metric m WHERE m.attempt_id = a.attempt_id ORDER BY m.name)),
  a.workspace_peak_bytes, a.rss_peak_bytes, a.rss_base_bytes
FROM cell c LEFT JOIN attempt a ON a.cell_id = c.cell_id AND a.outcome IS NOT NULL
WHERE c.sweep_id = CAST(?1 AS INT) ORDER BY c.cell_key, a.round, a.uuid
