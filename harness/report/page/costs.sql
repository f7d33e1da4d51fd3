-- Operations and bytes counted for one call at the longest length, by the cost model.
SELECT variant, pass, seqlen AS length, cost_model AS model, flop AS "FLOP needed", flop_impl AS
  "FLOP done", byte AS "bytes needed", byte_impl AS "bytes moved"
FROM (SELECT *, row_number() OVER (PARTITION BY variant, pass ORDER BY seqlen DESC, ordinal) AS place
  FROM v_time WHERE sweep_id = CAST(?1 AS INT) AND task = '' AND flop IS NOT NULL)
WHERE place = 1 ORDER BY variant, pass
