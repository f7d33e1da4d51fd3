-- Machine, build and sweep, a name and a value in each row.
WITH s AS (SELECT * FROM v_sweep WHERE sweep_id = CAST(?1 AS INT))
SELECT 'CPU' AS what, cpu_model || ', ' || n_cores || ' cores' AS value FROM s
UNION ALL SELECT 'instruction sets', isa FROM s
UNION ALL SELECT 'memory', printf('%.1f GiB', ram_bytes / 1073741824.0) FROM s
UNION ALL SELECT 'host', hostname FROM s
UNION ALL SELECT 'kernel', kernel FROM s
UNION ALL SELECT 'system', distro FROM s
UNION ALL SELECT 'virtual', virt FROM s
UNION ALL SELECT 'compiler', cc || ' ' || cflags FROM s
UNION ALL SELECT 'BLAS', blas FROM s
UNION ALL SELECT key, CASE type WHEN 'object' THEN nullif(value, '{}') ELSE CAST(value AS TEXT) END
  FROM s, json_each(s.env_json)
