-- SPDX-License-Identifier: Apache-2.0
-- What version 4 added: the peak of bf16.
INSERT INTO peak(device_id, threads, flops, bandwidth, gemm_flops, source, at_utc, bf16_flops)
VALUES(1, 2, 1.6e11, 2.6e10, 1.5e11, 'measured', '2026-11-21T02:00:00Z', 3.1e11);
