-- As many times faster as there are threads.
SELECT 'ideal' AS label, max(threads) AS y, 1 AS slope
FROM v_time WHERE sweep_id = CAST(?1 AS INT) AND task = '' AND pass = ?2
