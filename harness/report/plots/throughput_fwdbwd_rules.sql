-- What the machine can do at most with the same threads.
SELECT DISTINCT 'sgemm' AS label, peak_gemm_flop_per_s * 1e-9 AS y
FROM v_time WHERE sweep_id = CAST(?1 AS INT) AND pass = 'fwdbwd' AND peak_gemm_flop_per_s > 0
UNION ALL
SELECT DISTINCT dtype || ' peak', peak_flop_per_s * 1e-9
FROM v_time WHERE sweep_id = CAST(?1 AS INT) AND pass = 'fwdbwd' AND peak_flop_per_s > 0
