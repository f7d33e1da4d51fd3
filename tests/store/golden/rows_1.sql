-- SPDX-License-Identifier: Apache-2.0
-- What every golden database holds: a value in each column of schema version 1, and the outcomes' extremes.
INSERT INTO migration(version, applied_utc, app_version)
SELECT user_version, '2026-11-21T00:00:00Z', '0.1.0' FROM pragma_user_version;
INSERT INTO machine(machine_id, uuid, hostname, cpu_model, n_sockets, n_cores, n_logical, n_numa, ram_bytes,
  l1d_bytes, l2_bytes, llc_bytes, isa, kernel, distro, virt, env_json)
VALUES(1, 'm-1', 'host', 'A CPU', 1, 2, 4, 1, 17179869184, 32768, 1048576, 33554432, 'avx512', '6.1.0',
    'Debian 12', 'kvm', '{"governor":"performance"}'),
  (2, 'm-2', NULL, 'Another', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{}');
INSERT INTO device(device_id, machine_id, kind, uuid, name, mem_bytes)
VALUES(1, 1, 'cpu', 'd-1', 'A CPU', 17179869184), (2, 2, 'cuda', 'd-2', 'A GPU', NULL);
INSERT INTO peak(device_id, threads, flops, bandwidth, gemm_flops, source, at_utc)
VALUES(1, 0, 1.5e11, 2.5e10, 1.4e11, 'measured', '2026-11-21T00:00:01Z'),
  (2, 4, NULL, NULL, NULL, 'datasheet', '2026-11-21T00:00:02Z');
INSERT INTO build(build_id, uuid, version, git_commit, git_dirty, cc, cflags, blas, sqlite, nvcc)
VALUES(1, 'b-1', '0.1.0', 'abcdef', 1, 'gcc 12', '-O3', 'OpenBLAS', '3.40.1', 'none'),
  (2, 'b-2', '0.1.0', NULL, 0, NULL, NULL, NULL, '3.40.1', NULL);
INSERT INTO variant(variant_id, name, origin, code_hash, tags)
VALUES(1, 'flash', 'builtin', 'h1', 'quadratic'), (2, 'mine', './mine.so', 'h2', 'recurrent');
INSERT INTO sweep(sweep_id, uuid, spec_hash, argv_json, label, note, build_id, machine_id, seed, rounds, quick,
  env_json, created_utc, finished_utc, state, owner_host, owner_boot, owner_pid, owner_start, heartbeat_s)
VALUES(1, 'abcdef01-1', 's1', '["labench","--variants","flash"]', 'a "label"', 'a note', 1, 1, -2, 3, 0, '{}',
    '2026-11-21T00:00:03Z', '2026-11-21T00:00:04Z', 'done', NULL, NULL, NULL, NULL, NULL),
  (2, '12345678-2', 's2', '[]', NULL, NULL, 2, 2, 9223372036854775807, 1, 1, '{"load":0.5}',
    '2026-11-21T00:00:05Z', NULL, 'interrupted', 'host', 'boot', 77, 123456, 1795219200);
INSERT INTO cell(cell_id, sweep_id, cell_key, ordinal, variant_id, device_id, impl, form, isa, task, pass, dtype,
  mask, batch, seqlen, tcap, heads, kv_heads, qk_heads, dk, dv, threads, scale, cache_mode, input_dist, opts_json,
  task_opts_json, flops_algo, bytes_algo, flops_impl, bytes_impl, cost_model, state_bytes, saved_bytes, work_bytes,
  instance_bytes, output_bytes, input_bytes, rounds, retry_after)
VALUES(1, 1, '00000000000000000000000000000001', 0, 1, 1, 'cpu_tiled', 'tiled', 'avx512', '', 'fwd', 'f32', 'causal',
    1, 1024, 1024, 4, 2, 4, 64, 32, 2, 0.125, 'hot', 'default-1', '{"map":"elu"}', '{}', 1e9, 2e6, 3e9, 4e6, 'flash-1',
    5, 6, 7, 8, 9, 10, 3, 0),
  (2, 1, '00000000000000000000000000000002', 1, 1, 1, 'cpu_tiled', 'tiled', 'avx512', 'recall', 'eval', 'bf16',
    'bidirectional', 2, 2048, 4096, 2, 2, 2, 64, 64, 1, 0, 'cold', 'recall-1', '{}', '{"pairs":32}', NULL, NULL, NULL,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1, 4),
  (3, 2, '00000000000000000000000000000001', 0, 2, 2, 'cuda_tiled', 'tiled', 'generic', '', 'decode', 'f32', 'causal',
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1.5, 'hot', 'default-1', '{}', '{}', 0, 0, 0, 0, 'none', 0, 0, 0, 0, 0, 0, 64, 0);
-- Before their attempts: a finished one takes no more of them.
INSERT INTO sample(attempt_id, idx, iters, total_ns, flags)
VALUES(1, 0, 1, 1000000, 0), (1, 1, 2, 2001000, 1), (1, 2, 4, 4000000000, 0);
INSERT INTO metric(attempt_id, name, value, unit, n_nonfinite, n_total, lo, hi)
VALUES(1, 'rel_rms', 3e-7, '1', 0, 4096, NULL, NULL), (1, 'max_rel', NULL, '1', 17, 4096, NULL, NULL),
  (4, 'accuracy', 0.75, '1', 0, 256, 0.69, 0.80), (4, 'chance', 0.00390625, '1', 0, NULL, NULL, NULL);
INSERT INTO attempt(attempt_id, uuid, cell_id, round, started_utc, ended_utc, outcome, exit_code, signal, phase,
  message, stderr_tail, stop_reason, warmup_iters, warmup_ns, wall_ns, cpu_user_ns, cpu_sys_ns, ctx_invol,
  minor_faults, major_faults, workspace_peak_bytes, output_bytes, rss_peak_bytes, rss_base_bytes, checksum, load1)
VALUES(1, 'a-1', 1, 0, '2026-11-21T00:00:06Z', '2026-11-21T00:00:07Z', 'ok', 0, NULL, 'end', NULL, NULL, 'target', 3,
    3000000, 200000000, 1, 2, 3, 4, 5, 6, 7, 5000, 1000, -9223372036854775807, 0.5),
  (2, 'a-2', 1, 1, '2026-11-21T00:00:08Z', '2026-11-21T00:00:09Z', 'crash', NULL, 11, 'forward',
    'it ended with signal 11; ''quoted'', "twice" and †', 'Segmentation fault' || char(10), NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  (3, 'a-3', 1, 2, '2026-11-21T00:00:10Z', '2026-11-21T00:00:11Z', 'interrupted', NULL, NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  (4, 'a-4', 2, 0, '2026-11-21T00:00:12Z', '2026-11-21T00:00:13Z', 'ok', 0, NULL, 'end', NULL, '', 'samples', 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.0),
  (5, 'a-5', 3, 0, '2026-11-21T00:00:14Z', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO warning(warning_id, attempt_id, sweep_id, code, text, at_utc)
VALUES(1, 1, NULL, 'noisy', 'the machine was busy', '2026-11-21T00:00:15Z'),
  (2, NULL, 1, 'governor', 'the governor is ''powersave''', '2026-11-21T00:00:16Z');
INSERT INTO summary(cell_id, method, n, n_rounds, median_ns, lo_ns, hi_ns, level, q1_ns, q3_ns, min_ns, max_ns,
  n_outlier_mild, n_outlier_severe, trend, lag1)
VALUES(1, 'v1', 3, 1, 1000500.0, 999000.5, 1002000.5, 0.95, 1000000.0, 1001000.0, 999000.0, 1.0e9, 1, 0, 0.01, -0.2),
  (3, 'v1', 1, 1, 5.0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
