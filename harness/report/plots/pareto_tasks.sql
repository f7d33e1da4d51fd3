-- Tasks with an accuracy beside a time or a state.
SELECT task FROM v_pareto WHERE sweep_id = CAST(?1 AS INT) GROUP BY task ORDER BY min(ordinal)
