-- SPDX-License-Identifier: Apache-2.0
-- What version 2 added: models, their curves, and the columns that say which.
INSERT INTO model(model_id, key, config_json, variant, task, seed, lr, parameters, steps, tokens, loss, val_accuracy,
  train_ns, path, digest, created_utc)
VALUES(1, 'k1', '{"layers":2}', 'flash', 'mqar', -1, 0.01, 65536, 600, 1228800, 0.5, 0.75, 30000000000,
    'labench.models/k1.model', 'd1', '2026-11-21T01:00:00Z'),
  (2, 'k2', '{}', 'mine', 'mqar', 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-21T01:00:01Z');
INSERT INTO curve(model_id, step, tokens, elapsed_ns, loss, val_accuracy, val_worst, lr, grad_norm)
VALUES(1, 50, 102400, 2500000000, 5.5, 0.1, 0.05, 0.01, 1.5), (1, 600, 1228800, 30000000000, NULL, NULL, NULL, NULL, NULL);
INSERT INTO cell(cell_id, sweep_id, cell_key, ordinal, variant_id, device_id, impl, form, isa, task, pass, dtype,
  mask, batch, seqlen, tcap, heads, kv_heads, qk_heads, dk, dv, threads, scale, cache_mode, input_dist, opts_json,
  task_opts_json, rounds, retry_after, model_json, train_json, recipe, d_model)
VALUES(4, 1, '00000000000000000000000000000004', 2, 1, 1, 'cpu_tiled', 'tiled', 'avx512', 'mqar', 'train', 'f32', 'causal',
    16, 256, 256, 2, 2, 2, 32, 32, 1, 0, 'hot', 'mqar-1', '{}', '{"vocab":512}', 2, 0,
    '{"recipe":"controlled","layers":2,"d_model":64}', '{"steps":600,"lr":0.01}', 'controlled', 64),
  (5, 1, '00000000000000000000000000000005', 3, 1, 1, 'cpu_tiled', 'tiled', 'avx512', 'mqar', 'eval', 'f32', 'causal',
    16, 1024, 1024, 2, 2, 2, 32, 32, 1, 0, 'hot', 'mqar-1', '{}', '{"vocab":512}', 2, 0,
    '{"recipe":"controlled","layers":2,"d_model":64}', '{"difficulty":"vocab","step":"32","steps":600}', 'controlled', 64);
-- Before their attempt, as in rows_1.sql.
INSERT INTO metric(attempt_id, name, value, unit, n_nonfinite, n_total, lo, hi)
VALUES(7, 'accuracy', 0.5, '1', 0, 64, 0.38, 0.62), (7, 'accuracy.d16', 1.0, '1', 0, 8, 0.67, 1.0);
INSERT INTO attempt(attempt_id, uuid, cell_id, round, started_utc, ended_utc, outcome, exit_code, model_id, data_digest)
VALUES(6, 'a-6', 4, 0, '2026-11-21T01:00:02Z', '2026-11-21T01:00:03Z', 'ok', 0, 1, NULL),
  (7, 'a-7', 5, 0, '2026-11-21T01:00:04Z', '2026-11-21T01:00:05Z', 'ok', 0, 1, '0123456789abcdef0123456789abcdef');
