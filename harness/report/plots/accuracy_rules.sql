-- Guessing, in the task of the figure (?2; none: recall).
SELECT 'chance' AS label, max(chance) AS y
FROM v_accuracy WHERE sweep_id = CAST(?1 AS INT) AND task = coalesce(?2, 'recall') AND chance > 0
HAVING max(chance) IS NOT NULL
