-- What the machine was found to do at most.
SELECT d.name AS device, p.threads, p.flops / 1e9 AS "f32 GFLOP/s", p.bf16_flops / 1e9 AS "bf16 GFLOP/s",
  p.gemm_flops / 1e9 AS "sgemm GFLOP/s", p.bandwidth / 1e9 AS "memory GB/s", p.source
FROM peak p JOIN device d ON d.device_id = p.device_id
WHERE d.device_id IN (SELECT device_id FROM cell WHERE sweep_id = CAST(?1 AS INT))
ORDER BY d.name, p.threads
