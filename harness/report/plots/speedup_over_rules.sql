-- As fast as the base.
SELECT 'as fast as ' || json_extract(?2, '$.base') AS label, 1.0 AS y WHERE ?1 IS NOT NULL
