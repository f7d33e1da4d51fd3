-- The roofs, measured on this machine with the threads of the sweep: arithmetic, and main memory.
SELECT DISTINCT printf('%s %.0f GFLOP/s, %d thread%s',
    CASE dtype WHEN 'f32' THEN 'f32 multiply-adds' ELSE dtype || ' products' END,
    peak_flop_per_s * 1e-9, threads, CASE threads WHEN 1 THEN '' ELSE 's' END) AS label,
  peak_flop_per_s * 1e-9 AS y, 0 AS slope
FROM v_time
WHERE sweep_id = CAST(?1 AS INT) AND task = '' AND pass = ?2 AND outcome = 'ok' AND peak_flop_per_s > 0
UNION ALL
SELECT printf('reading memory %.0f GB/s', peak_byte_per_s * 1e-9),
  max(peak_flop_per_s) * 1e-9, peak_byte_per_s * 1e-9
FROM v_time
WHERE sweep_id = CAST(?1 AS INT) AND task = '' AND pass = ?2 AND outcome = 'ok' AND peak_byte_per_s > 0
GROUP BY peak_byte_per_s
