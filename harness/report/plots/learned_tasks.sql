-- Tasks that models were trained for.
SELECT task FROM v_cell WHERE sweep_id = CAST(?1 AS INT) AND recipe IS NOT NULL AND pass = 'eval'
GROUP BY task ORDER BY min(ordinal)
