-- Where two variants were timed on one problem: a row for each length. The fastest impl and setting of a
-- variant stands for it. ?1 sweep, ?2 and ?3 two variants (NULL: each with each), ?4 pass (NULL: all).
WITH timed AS (
  SELECT variant, pass, seqlen, cell_id, median_ns, ordinal,
    pass || ' ' || mask || ' ' || dtype || ' B ' || batch || ' H ' || heads || ' ' || kv_heads || ' '
      || qk_heads || ' dk ' || dk || ' dv ' || dv || ' threads ' || threads || ' ' || cache_mode || ' '
      || scale || ' ' || input_dist AS setting,
    mask, dtype, batch, heads, kv_heads, qk_heads, dk, dv, threads, cache_mode
  FROM v_time
  WHERE sweep_id = CAST(?1 AS INT) AND task = '' AND median_ns > 0
    AND (?4 IS NULL OR pass = ?4)),
best AS (
  SELECT *, row_number() OVER (PARTITION BY variant, setting, seqlen ORDER BY median_ns, cell_id) AS place,
    min(ordinal) OVER (PARTITION BY variant) AS rank
  FROM timed)
SELECT a.variant AS a, b.variant AS b, a.setting, a.pass, a.mask, a.dtype, a.batch, a.heads, a.kv_heads,
  a.qk_heads, a.dk, a.dv, a.threads, a.cache_mode, a.seqlen, a.cell_id AS a_cell, b.cell_id AS b_cell,
  a.median_ns AS a_ns, b.median_ns AS b_ns
FROM best a JOIN best b ON b.setting = a.setting AND b.seqlen = a.seqlen
WHERE a.place = 1 AND b.place = 1
  AND iif(?2 IS NULL, (a.rank, a.variant) < (b.rank, b.variant), a.variant = ?2 AND b.variant = ?3)
ORDER BY a.rank, a.variant, b.rank, b.variant, min(a.ordinal) OVER (PARTITION BY a.setting), a.setting, a.seqlen
