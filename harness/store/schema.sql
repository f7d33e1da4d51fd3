-- SPDX-License-Identifier: Apache-2.0
-- The labench database. Its version is PRAGMA user_version below.
--
-- Times are whole nanoseconds, sizes are bytes, rates are per second, UTC is ISO 8601 text. A value
-- that is not known, and NaN, is NULL. A finished attempt and what hangs on it never changes: a rerun
-- is another attempt. Derived numbers are defined by the views and nowhere else. Columns that end in
-- _json hold valid JSON: the writer checks it, for a check in the schema would need functions that an
-- untrusted schema may not call.
-- A newer version adds columns at the end of a table and tables and views beside the others, so that
-- an older file can be brought up to date (migrate.c).

PRAGMA application_id = 0x4C41424E; -- "LABN"
PRAGMA user_version = 8;

CREATE TABLE machine(
  machine_id INTEGER PRIMARY KEY,
  uuid       TEXT NOT NULL UNIQUE,  -- derived from the machine id and the CPU
  hostname   TEXT,
  cpu_model  TEXT NOT NULL,
  n_sockets  INT,                   -- count
  n_cores    INT,                   -- physical cores
  n_logical  INT,                   -- hardware threads
  n_numa     INT,                   -- memory nodes
  ram_bytes  INT,                   -- bytes
  l1d_bytes  INT,                   -- bytes, per core
  l2_bytes   INT,                   -- bytes, per core
  llc_bytes  INT,                   -- bytes, last level, shared
  isa        TEXT,                  -- instruction sets of the CPU, by spaces
  kernel     TEXT,                  -- name, release and machine of uname
  distro     TEXT,
  virt       TEXT,                  -- hypervisor or container; empty: none seen
  env_json   TEXT NOT NULL           -- governor, boost, THP, ...
) STRICT;

CREATE TABLE device(
  device_id  INTEGER PRIMARY KEY,
  machine_id INT NOT NULL REFERENCES machine,
  kind       TEXT NOT NULL CHECK(kind IN ('cpu', 'cuda')),
  uuid       TEXT NOT NULL UNIQUE,
  name       TEXT NOT NULL,
  mem_bytes  INT,                   -- bytes
  sms        INT,                   -- multiprocessors; this and what follows of CUDA devices
  l2_bytes   INT,                   -- bytes
  sm_hz      INT,                   -- Hz, the highest clock of the multiprocessors
  mem_hz     INT,                   -- Hz, likewise of the memory
  driver     INT,                   -- CUDA version that the driver knows; 13000: 13.0
  runtime    INT,                   -- CUDA version that labench was built with
  ecc        INT                    -- 1: memory corrects errors
) STRICT;

-- What a device can do at most with so many threads; the base of "% of peak".
CREATE TABLE peak(
  device_id  INT NOT NULL REFERENCES device,
  threads    INT NOT NULL CHECK(threads >= 0), -- 0: whatever the number of threads
  flops      REAL CHECK(flops > 0),            -- FLOP/s, f32 multiply-add
  bandwidth  REAL CHECK(bandwidth > 0),        -- bytes/s, reading memory
  gemm_flops REAL CHECK(gemm_flops > 0),       -- FLOP/s of a large f32 matrix product
  source     TEXT CHECK(source IN ('measured', 'datasheet')),
  at_utc     TEXT NOT NULL,                    -- UTC
  bf16_flops REAL CHECK(bf16_flops > 0),       -- FLOP/s, bf16 dot products; NULL: has none
  PRIMARY KEY(device_id, threads)
) STRICT, WITHOUT ROWID;

CREATE TABLE build(
  build_id   INTEGER PRIMARY KEY,
  uuid       TEXT NOT NULL UNIQUE,  -- of all below
  version    TEXT NOT NULL,
  git_commit TEXT,
  git_dirty  INT NOT NULL CHECK(git_dirty IN (0, 1)),
  cc         TEXT,                  -- compiler and its version
  cflags     TEXT,
  blas       TEXT,
  sqlite     TEXT NOT NULL,
  nvcc       TEXT
) STRICT;

CREATE TABLE variant(
  variant_id INTEGER PRIMARY KEY,
  name       TEXT NOT NULL,
  origin     TEXT NOT NULL,         -- builtin, or the file of the plugin or the peer
  code_hash  TEXT NOT NULL,         -- results of changed code are not mixed
  tags       TEXT NOT NULL,         -- family and groups, separated by commas
  UNIQUE(name, code_hash)
) STRICT;

-- One command as typed. Its owner is the process that runs it, known by host, boot, pid and the
-- start time of that pid, so that a pid used again by another process is not mistaken for it.
CREATE TABLE sweep(
  sweep_id     INTEGER PRIMARY KEY,
  uuid         TEXT NOT NULL UNIQUE,  -- its first 8 digits are the name
  spec_hash    TEXT NOT NULL,         -- content hash of what was asked for
  argv_json    TEXT NOT NULL,         -- array of words
  label        TEXT,
  note         TEXT,
  build_id     INT NOT NULL REFERENCES build,
  machine_id   INT NOT NULL REFERENCES machine,
  seed         INT NOT NULL,          -- unsigned 64 bit, kept as the signed number of the same bits
  rounds       INT NOT NULL CHECK(rounds > 0), -- processes per cell at most
  quick        INT NOT NULL CHECK(quick IN (0, 1)),
  env_json     TEXT NOT NULL,         -- of the machine when it began
  created_utc  TEXT NOT NULL,         -- UTC
  finished_utc TEXT,                  -- UTC
  state        TEXT NOT NULL CHECK(state IN ('open', 'done', 'interrupted')),
  owner_host   TEXT,
  owner_boot   TEXT,                  -- /proc/sys/kernel/random/boot_id
  owner_pid    INT,
  owner_start  INT,                   -- clock ticks after boot
  heartbeat_s  INT                    -- UTC, seconds since 1970: the owner was alive then
) STRICT;
CREATE INDEX sweep_by_spec ON sweep(spec_hash);

-- Impl x problem x options x pass x task x threads: the unit of a run.
CREATE TABLE cell(
  cell_id        INTEGER PRIMARY KEY,
  sweep_id       INT NOT NULL REFERENCES sweep,
  cell_key       TEXT NOT NULL,       -- 32 hex digits: hash of the identity
  ordinal        INT NOT NULL,        -- place in the plan, from 0
  variant_id     INT NOT NULL REFERENCES variant,
  device_id      INT NOT NULL REFERENCES device,
  impl           TEXT NOT NULL,       -- cpu_chunk
  form           TEXT NOT NULL,       -- chunk
  isa            TEXT NOT NULL,       -- instruction set the impl runs with; peer, peer_cuda: theirs
  task           TEXT NOT NULL,       -- '' for timing
  pass           TEXT NOT NULL CHECK(pass IN ('fwd', 'bwd', 'fwdbwd', 'decode', 'train', 'eval')),
  dtype          TEXT NOT NULL,
  mask           TEXT NOT NULL CHECK(mask IN ('causal', 'bidirectional')),
  batch          INT NOT NULL CHECK(batch > 0),    -- sequences
  seqlen         INT NOT NULL CHECK(seqlen > 0),   -- tokens
  tcap           INT NOT NULL CHECK(tcap > 0),     -- tokens a KV cache has room for
  heads          INT NOT NULL CHECK(heads > 0),
  kv_heads       INT NOT NULL CHECK(kv_heads > 0 AND heads % kv_heads = 0),
  qk_heads       INT NOT NULL CHECK(qk_heads > 0 AND heads % qk_heads = 0),
  dk             INT NOT NULL CHECK(dk > 0),       -- numbers in a key
  dv             INT NOT NULL CHECK(dv > 0),       -- numbers in a value
  threads        INT NOT NULL CHECK(threads > 0),
  scale          REAL NOT NULL,       -- of the logits; 0: the variant's default
  cache_mode     TEXT NOT NULL CHECK(cache_mode IN ('hot', 'cold')),
  input_dist     TEXT NOT NULL,       -- which inputs are drawn
  opts_json      TEXT NOT NULL,       -- options of the variant
  task_opts_json TEXT NOT NULL,       -- options of the task
  flops_algo     REAL,                -- FLOP of one call that the mathematics needs
  bytes_algo     REAL,                -- bytes of one call that must move at least once
  flops_impl     REAL,                -- FLOP of one call that the form really does
  bytes_impl     REAL,                -- bytes of one call that the form really moves
  cost_model     TEXT,                -- formula and its version
  state_bytes    INT,                 -- carried between calls
  saved_bytes    INT,                 -- kept for backward
  work_bytes     INT,                 -- scratch of one call
  instance_bytes INT,                 -- kept by the impl: plans, packed parameters
  output_bytes   INT,
  input_bytes    INT,
  rounds         INT NOT NULL CHECK(rounds > 0 AND rounds <= 64), -- attempts planned
  retry_after    INT NOT NULL DEFAULT 0, -- attempts up to this id do not count as done
  model_json     TEXT NOT NULL DEFAULT '{}', -- options of the model that is trained or evaluated
  train_json     TEXT NOT NULL DEFAULT '{}', -- options of its training
  recipe         TEXT,                -- controlled, paper; NULL for kernels and probes
  d_model        INT NOT NULL DEFAULT 0,     -- width of the model; 0 for kernels and probes
  UNIQUE(sweep_id, cell_key)
) STRICT;
CREATE INDEX cell_by_key ON cell(cell_key);

-- One worker process. A row without outcome is a claim: it is running, or its owner died.
CREATE TABLE attempt(
  attempt_id           INTEGER PRIMARY KEY,
  uuid                 TEXT NOT NULL UNIQUE,
  cell_id              INT NOT NULL REFERENCES cell,
  round                INT NOT NULL CHECK(round >= 0 AND round < 64),
  started_utc          TEXT NOT NULL, -- UTC
  ended_utc            TEXT,          -- UTC
  outcome              TEXT CHECK(outcome IN ('ok', 'wrong', 'nonfinite', 'unsupported', 'oom_host',
                         'oom_device', 'killed', 'timeout', 'crash', 'error', 'interrupted',
                         'predicted_oom', 'predicted_timeout')),
  exit_code            INT,
  signal               INT,           -- number of the signal that ended the worker
  phase                TEXT,          -- what the worker was doing last
  message              TEXT,          -- one sentence
  stderr_tail          TEXT,
  stop_reason          TEXT,          -- why sampling ended: target, settled, max_time, slow, samples; of a training steps, learned, reused
  warmup_iters         INT,           -- calls
  warmup_ns            INT,           -- ns
  wall_ns              INT,           -- ns, the worker's life
  cpu_user_ns          INT,           -- ns
  cpu_sys_ns           INT,           -- ns
  ctx_invol            INT,           -- involuntary context switches
  minor_faults         INT,
  major_faults         INT,
  workspace_peak_bytes INT,           -- high water of our allocator without inputs and outputs
  output_bytes         INT,
  rss_peak_bytes       INT,           -- high water of resident memory
  rss_base_bytes       INT,           -- resident before the first call
  checksum             INT,           -- of the output
  load1                REAL,          -- load average of one minute at the start
  model_id             INT REFERENCES model, -- trained, found again or evaluated by it
  data_digest          TEXT,          -- 32 hex digits: the examples it was scored on
  CHECK((ended_utc IS NULL) = (outcome IS NULL))
) STRICT;
CREATE UNIQUE INDEX attempt_claim ON attempt(cell_id, round) WHERE outcome IS NULL;
CREATE INDEX attempt_by_cell ON attempt(cell_id, round);

CREATE TABLE sample(
  attempt_id INT NOT NULL REFERENCES attempt,
  idx        INT NOT NULL,                      -- order of time, from 0
  iters      INT NOT NULL CHECK(iters > 0),     -- calls timed together
  total_ns   INT NOT NULL CHECK(total_ns >= 0), -- ns for all of them
  flags      INT NOT NULL DEFAULT 0,            -- bits; 0: nothing to remark
  PRIMARY KEY(attempt_id, idx)
) STRICT, WITHOUT ROWID;

CREATE TABLE metric(
  attempt_id  INT NOT NULL REFERENCES attempt,
  name        TEXT NOT NULL,              -- accuracy, rel_rms, max_rel, max_abs, cosine, ...
  value       REAL,                       -- NULL: not a finite number
  unit        TEXT NOT NULL,              -- "1" for ratios
  n_nonfinite INT NOT NULL CHECK(n_nonfinite >= 0), -- values that were not finite
  n_total     INT,                        -- values or answers looked at
  lo          REAL,                       -- 95 % interval
  hi          REAL,
  PRIMARY KEY(attempt_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE warning(
  warning_id INTEGER PRIMARY KEY,
  attempt_id INT REFERENCES attempt,
  sweep_id   INT REFERENCES sweep,
  code       TEXT NOT NULL,               -- throttled, noisy, ...
  text       TEXT NOT NULL,
  at_utc     TEXT NOT NULL,               -- UTC
  CHECK((attempt_id IS NULL) <> (sweep_id IS NULL))
) STRICT;
CREATE INDEX warning_by_attempt ON warning(attempt_id) WHERE attempt_id IS NOT NULL;
CREATE INDEX warning_by_sweep ON warning(sweep_id) WHERE sweep_id IS NOT NULL;

-- A cache of what the samples of the last ok attempt of each round say; times of one call.
CREATE TABLE summary(
  cell_id          INT NOT NULL REFERENCES cell,
  method           TEXT NOT NULL,         -- v1: median, order-statistic interval, rounds weigh the same
  n                INT NOT NULL,          -- samples
  n_rounds         INT NOT NULL,
  median_ns        REAL,                  -- ns
  lo_ns            REAL,                  -- ns, interval of the median; NULL below 6 samples
  hi_ns            REAL,                  -- ns
  level            REAL,                  -- coverage of the interval, 0..1
  q1_ns            REAL,                  -- ns
  q3_ns            REAL,                  -- ns
  min_ns           REAL,                  -- ns
  max_ns           REAL,                  -- ns
  n_outlier_mild   INT,                   -- Tukey's fences; counted, never removed
  n_outlier_severe INT,
  trend            REAL,                  -- slope over the whole attempt / median
  lag1             REAL,                  -- autocorrelation
  PRIMARY KEY(cell_id, method)
) STRICT, WITHOUT ROWID;

-- A trained model, found again by its key.
CREATE TABLE model(
  model_id     INTEGER PRIMARY KEY,
  key          TEXT NOT NULL UNIQUE,      -- 32 hex digits: content hash of the configuration
  config_json  TEXT NOT NULL,             -- everything that decides what is trained
  variant      TEXT NOT NULL,
  task         TEXT NOT NULL,
  seed         INT NOT NULL,              -- unsigned 64 bit, kept as the signed number of the same bits
  lr           REAL,                      -- learning rate
  parameters   INT,                       -- count
  steps        INT,                       -- taken
  tokens       INT,                       -- seen
  loss         REAL,                      -- of the last steps, nats
  val_accuracy REAL,                      -- mean over shapes, of the last validation
  train_ns     INT,                       -- ns of the steps alone
  threads      INT,
  path         TEXT,                      -- of the checkpoint when it was written
  digest       TEXT,                      -- 32 hex digits of the weights
  created_utc  TEXT NOT NULL              -- UTC
) STRICT;

-- Its training, in order of steps.
CREATE TABLE curve(
  model_id     INT NOT NULL REFERENCES model,
  step         INT NOT NULL CHECK(step >= 0),
  tokens       INT,                       -- seen so far
  elapsed_ns   INT,                       -- ns of the steps so far, validation apart
  loss         REAL,                      -- mean since the point before, nats
  val_accuracy REAL,                      -- mean over shapes; NULL: not validated at this step
  val_worst    REAL,                      -- of the worst shape
  lr           REAL,                      -- at this step
  grad_norm    REAL,                      -- before clipping
  PRIMARY KEY(model_id, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE migration(
  version     INTEGER PRIMARY KEY,        -- schema version reached
  applied_utc TEXT NOT NULL,              -- UTC
  app_version TEXT NOT NULL
) STRICT;

-- What is finished is frozen.
CREATE TRIGGER attempt_frozen BEFORE UPDATE ON attempt WHEN OLD.outcome IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a finished attempt is never changed; add another attempt'); END;
CREATE TRIGGER attempt_kept BEFORE DELETE ON attempt
BEGIN SELECT RAISE(ABORT, 'attempts are never deleted'); END;
CREATE TRIGGER sample_frozen BEFORE UPDATE ON sample
BEGIN SELECT RAISE(ABORT, 'samples are never changed'); END;
CREATE TRIGGER sample_kept BEFORE DELETE ON sample
BEGIN SELECT RAISE(ABORT, 'samples are never deleted'); END;
CREATE TRIGGER sample_late BEFORE INSERT ON sample
WHEN (SELECT outcome FROM attempt WHERE attempt_id = NEW.attempt_id) IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a finished attempt takes no more samples'); END;
CREATE TRIGGER metric_frozen BEFORE UPDATE ON metric
BEGIN SELECT RAISE(ABORT, 'metrics are never changed'); END;
CREATE TRIGGER metric_kept BEFORE DELETE ON metric
BEGIN SELECT RAISE(ABORT, 'metrics are never deleted'); END;
CREATE TRIGGER metric_late BEFORE INSERT ON metric
WHEN (SELECT outcome FROM attempt WHERE attempt_id = NEW.attempt_id) IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a finished attempt takes no more metrics'); END;

CREATE TRIGGER model_frozen BEFORE UPDATE ON model
BEGIN SELECT RAISE(ABORT, 'models are never changed'); END;
CREATE TRIGGER model_kept BEFORE DELETE ON model
BEGIN SELECT RAISE(ABORT, 'models are never deleted'); END;
CREATE TRIGGER curve_frozen BEFORE UPDATE ON curve
BEGIN SELECT RAISE(ABORT, 'curves are never changed'); END;
CREATE TRIGGER curve_kept BEFORE DELETE ON curve
BEGIN SELECT RAISE(ABORT, 'curves are never deleted'); END;

-- The attempt that counts in each round: the last one that ended, an interrupted one only when
-- there is no other.
CREATE VIEW v_last AS
SELECT a.* FROM attempt a
WHERE a.outcome IS NOT NULL AND NOT EXISTS (
  SELECT 1 FROM attempt b
  WHERE b.cell_id = a.cell_id AND b.round = a.round AND b.outcome IS NOT NULL
    AND (b.outcome <> 'interrupted', b.attempt_id) > (a.outcome <> 'interrupted', a.attempt_id));

-- What became of a cell: the first failure of any round, else ok, else interrupted, else planned.
CREATE VIEW v_outcome AS
SELECT c.cell_id, c.sweep_id, coalesce(t.outcome, 'planned') AS outcome, t.attempt_id, t.message,
  t.phase, t.signal, t.exit_code,
  (SELECT count(*) FROM v_last l WHERE l.cell_id = c.cell_id AND l.outcome <> 'interrupted')
    AS rounds_done,
  (SELECT count(*) FROM attempt a WHERE a.cell_id = c.cell_id) AS attempts
FROM cell c LEFT JOIN attempt t ON t.attempt_id = (
  SELECT l.attempt_id FROM v_last l WHERE l.cell_id = c.cell_id
  ORDER BY CASE l.outcome WHEN 'interrupted' THEN 2 WHEN 'ok' THEN 1 ELSE 0 END, l.attempt_id
  LIMIT 1);

-- Everything that tells one cell from another, and what became of it. Every view below starts with
-- these columns.
CREATE VIEW v_cell AS
SELECT s.sweep_id, substr(s.uuid, 1, 8) AS sweep, s.quick, c.cell_id, c.cell_key, c.ordinal,
  v.name AS variant, v.tags, c.impl, c.form, c.isa, d.kind AS device, d.name AS device_name,
  c.task, c.pass, c.dtype, c.mask, c.batch, c.seqlen, c.tcap, c.heads, c.kv_heads, c.qk_heads,
  c.dk, c.dv, c.threads, c.scale, c.cache_mode, c.input_dist, c.opts_json AS options,
  c.task_opts_json AS task_options, c.model_json AS model_options, c.train_json AS train_options,
  c.recipe, c.d_model, c.rounds, o.rounds_done, o.attempts, o.outcome, o.message,
  o.phase, o.signal, o.exit_code
FROM cell c JOIN sweep s ON s.sweep_id = c.sweep_id JOIN variant v ON v.variant_id = c.variant_id
  JOIN device d ON d.device_id = c.device_id JOIN v_outcome o ON o.cell_id = c.cell_id;

-- The peak that goes with a cell: of its type, and of its thread count, else the one for any.
CREATE VIEW v_peak AS
SELECT c.cell_id, p.threads AS peak_threads,
  CASE c.dtype WHEN 'f32' THEN p.flops WHEN 'bf16' THEN p.bf16_flops WHEN 'f16' THEN p.bf16_flops END AS peak_flop_per_s,
  p.bandwidth AS peak_byte_per_s,
  CASE c.dtype WHEN 'f32' THEN p.gemm_flops END AS peak_gemm_flop_per_s, p.source AS peak_source
FROM cell c JOIN peak p ON p.device_id = c.device_id AND c.isa <> 'peer_cuda' AND p.threads = (
  SELECT max(q.threads) FROM peak q
  WHERE q.device_id = c.device_id AND q.threads IN (0, c.threads));

-- One row a cell: the time of one call, and rates from the median. Only a cell whose every round
-- was ok has numbers: a time of a wrong answer is none. pct_peak and pct_gemm compare useful work with
-- the measured peaks; pct_bandwidth compares with main memory and passes 100 where caches serve.
-- pct_beside (run --beside-peak) is the median of each sample against the peak measured right before and
-- behind it, median over rounds; its interval is the union of theirs.
CREATE VIEW v_time AS
SELECT x.*, m.n, m.n_rounds, m.median_ns, m.lo_ns, m.hi_ns, m.level, m.q1_ns, m.q3_ns, m.min_ns,
  m.max_ns, (m.q3_ns - m.q1_ns) / m.median_ns AS rel_iqr, m.n_outlier_mild, m.n_outlier_severe,
  m.trend, m.lag1,
  k.flops_algo AS flop, k.bytes_algo AS byte, k.flops_impl AS flop_impl, k.bytes_impl AS byte_impl,
  k.flops_algo / k.bytes_algo AS flop_per_byte, k.cost_model,
  CASE x.pass WHEN 'decode' THEN x.batch ELSE x.batch * x.seqlen END AS tokens,
  CASE x.pass WHEN 'decode' THEN x.batch ELSE x.batch * x.seqlen END * 1e9 / m.median_ns
    AS token_per_s,
  m.median_ns / CASE x.pass WHEN 'decode' THEN x.batch ELSE x.batch * x.seqlen END AS ns_per_token,
  k.flops_algo * 1e9 / m.median_ns AS flop_per_s,
  k.flops_impl * 1e9 / m.median_ns AS flop_impl_per_s,
  k.bytes_algo * 1e9 / m.median_ns AS byte_per_s,
  100e9 * k.flops_algo / m.median_ns / p.peak_flop_per_s AS pct_peak,
  100e9 * k.flops_algo / m.median_ns / p.peak_gemm_flop_per_s AS pct_gemm,
  100e9 * k.bytes_algo / m.median_ns / p.peak_byte_per_s AS pct_bandwidth,
  p.peak_flop_per_s, p.peak_byte_per_s, p.peak_gemm_flop_per_s, p.peak_source,
  CASE x.outcome WHEN 'ok' THEN 100 * (SELECT avg(share) FROM (
    SELECT b.value AS share, count(*) OVER () AS c, row_number() OVER (ORDER BY b.value) AS r
    FROM v_last l JOIN metric b ON b.attempt_id = l.attempt_id AND b.name = 'peak_share'
    WHERE l.cell_id = x.cell_id) WHERE r IN ((c + 1) / 2, (c + 2) / 2)) END AS pct_beside,
  CASE x.outcome WHEN 'ok' THEN 100 * (SELECT min(b.lo)
    FROM v_last l JOIN metric b ON b.attempt_id = l.attempt_id AND b.name = 'peak_share'
    WHERE l.cell_id = x.cell_id) END AS pct_beside_lo,
  CASE x.outcome WHEN 'ok' THEN 100 * (SELECT max(b.hi)
    FROM v_last l JOIN metric b ON b.attempt_id = l.attempt_id AND b.name = 'peak_share'
    WHERE l.cell_id = x.cell_id) END AS pct_beside_hi
FROM v_cell x JOIN cell k ON k.cell_id = x.cell_id
  LEFT JOIN summary m ON m.cell_id = x.cell_id AND m.method = 'v1' AND x.outcome = 'ok'
  LEFT JOIN v_peak p ON p.cell_id = x.cell_id;

-- One row a cell: exact sizes, known even where the cell could not run, and what was seen.
CREATE VIEW v_memory AS
SELECT x.*, k.state_bytes, k.saved_bytes, k.work_bytes, k.instance_bytes, k.output_bytes,
  k.input_bytes,
  coalesce(k.saved_bytes + k.work_bytes + k.instance_bytes, r.workspace_peak_bytes,
    r.rss_peak_bytes - r.rss_base_bytes) AS extra_bytes,
  k.state_bytes + k.saved_bytes + k.work_bytes + k.instance_bytes AS extra_state_bytes,
  r.workspace_peak_bytes, r.rss_peak_bytes, r.rss_base_bytes,
  r.rss_peak_bytes - r.rss_base_bytes AS rss_extra_bytes
FROM v_cell x JOIN cell k ON k.cell_id = x.cell_id
  LEFT JOIN attempt r ON r.attempt_id = (
    SELECT l.attempt_id FROM v_last l WHERE l.cell_id = x.cell_id AND l.rss_peak_bytes IS NOT NULL
    ORDER BY l.rss_peak_bytes - coalesce(l.rss_base_bytes, 0) DESC, l.attempt_id LIMIT 1);

-- One row a cell and score (accuracy, accuracy.<slice>): rounds pooled by answers; the interval of
-- several rounds is the union of theirs.
CREATE VIEW v_accuracy AS
SELECT x.*, a.metric, a.accuracy, a.lo, a.hi, a.n, a.chance
FROM v_cell x JOIN (
  SELECT l.cell_id, m.name AS metric, sum(m.value * m.n_total) / sum(m.n_total) AS accuracy,
    min(m.lo) AS lo, max(m.hi) AS hi, sum(m.n_total) AS n, max(g.value) AS chance
  FROM v_last l JOIN metric m ON m.attempt_id = l.attempt_id
    LEFT JOIN metric g ON g.attempt_id = l.attempt_id AND g.name = 'chance'
  WHERE (m.name = 'accuracy' OR m.name LIKE 'accuracy.%') AND l.outcome = 'ok'
  GROUP BY l.cell_id, m.name) a ON a.cell_id = x.cell_id;

-- One row a step of a task's difficulty (run --difficulty) and a variant: what was changed ("baseline" and
-- "" for nothing), and the accuracy where there is one.
CREATE VIEW v_difficulty AS
SELECT x.*, substr(d.axis, 1, instr(d.axis, '"') - 1) AS difficulty,
  substr(d.value, 1, instr(d.value, '"') - 1) AS step, a.accuracy, a.lo, a.hi, a.n, a.chance
FROM v_cell x JOIN ( -- a view may not call json_extract in a file that someone else made
  SELECT cell_id, substr(train_json, instr(train_json, '"difficulty":"') + 14) AS axis,
    substr(train_json, instr(train_json, '"step":"') + 8) AS value
  FROM cell WHERE pass = 'eval' AND instr(train_json, '"difficulty":"') > 0) d
  ON d.cell_id = x.cell_id
  LEFT JOIN v_accuracy a ON a.cell_id = x.cell_id AND a.metric = 'accuracy';

-- One row an evaluated seed (round): the accuracy, its interval, and which model on which data.
CREATE VIEW v_seed AS
SELECT x.*, l.round, m.value AS accuracy, m.lo, m.hi, m.n_total AS n, l.data_digest,
  o.key AS model, o.lr, o.parameters, o.steps, o.val_accuracy
FROM v_cell x JOIN v_last l ON l.cell_id = x.cell_id AND l.outcome = 'ok'
  JOIN metric m ON m.attempt_id = l.attempt_id AND m.name = 'accuracy'
  LEFT JOIN model o ON o.model_id = l.model_id;

-- Accuracy beside what it costs: each score of a task with the forward time and the state of the same
-- variant, options, mask and length in the same sweep. The time is that of the kernel cell. Options that
-- follow the size of a head differ between a kernel and a model: where no kernel has the model's, and the
-- variant was timed with one set of them only, that one stands there.
CREATE VIEW v_pareto AS
SELECT a.*, t.median_ns, t.ns_per_token, t.cell_id AS time_cell_id, t.impl AS time_impl,
  t.heads AS time_heads, t.dk AS time_dk, t.dv AS time_dv, k.state_bytes
FROM v_accuracy a JOIN cell k ON k.cell_id = a.cell_id
  LEFT JOIN v_time t ON t.sweep_id = a.sweep_id AND t.variant = a.variant AND t.pass = 'fwd'
    AND t.task = '' AND t.seqlen = a.seqlen AND t.mask = a.mask AND t.outcome = 'ok'
    AND (t.options = a.options OR NOT EXISTS (
      SELECT 1 FROM cell o WHERE o.sweep_id = k.sweep_id AND o.variant_id = k.variant_id
        AND o.pass = 'fwd' AND o.task = '' AND o.seqlen = k.seqlen AND o.mask = k.mask
        AND (o.opts_json = k.opts_json OR o.opts_json <> t.options)))
WHERE a.metric = 'accuracy';

-- One row a train attempt of a sweep and the model it gave.
CREATE VIEW v_model AS
SELECT x.*, l.attempt_id, l.round, l.outcome AS attempt_outcome, l.stop_reason, o.model_id,
  o.key AS model, o.config_json, printf('%u', o.seed) AS seed, o.lr, o.parameters, o.steps,
  o.tokens, o.loss, o.val_accuracy, o.train_ns, o.tokens * 1e9 / o.train_ns AS train_token_per_s,
  o.path, o.digest, o.created_utc
FROM v_cell x JOIN v_last l ON l.cell_id = x.cell_id
  JOIN model o ON o.model_id = l.model_id
WHERE x.pass = 'train';

-- Its training curve, point by point.
CREATE VIEW v_curve AS
SELECT m.sweep_id, m.sweep, m.cell_id, m.variant, m.tags, m.task, m.mask, m.seqlen, m.options,
  m.task_options, m.model_options, m.train_options, m.recipe, m.d_model, m.round, m.model, m.seed,
  m.lr AS peak_lr, c.step, c.tokens, c.elapsed_ns, c.loss, c.val_accuracy, c.val_worst, c.lr,
  c.grad_norm
FROM v_model m JOIN curve c ON c.model_id = m.model_id;

-- One row a cell that was compared with the float64 reference: the worst of its rounds, also of
-- wrong and nonfinite ones.
CREATE VIEW v_error AS
SELECT x.*, e.rel_rms, e.max_rel, e.max_abs, e.cosine, e.n_nonfinite, e.n_compared
FROM v_cell x JOIN (
  SELECT l.cell_id, max(CASE m.name WHEN 'rel_rms' THEN m.value END) AS rel_rms,
    max(CASE m.name WHEN 'max_rel' THEN m.value END) AS max_rel,
    max(CASE m.name WHEN 'max_abs' THEN m.value END) AS max_abs,
    min(CASE m.name WHEN 'cosine' THEN m.value END) AS cosine,
    max(m.n_nonfinite) AS n_nonfinite, max(m.n_total) AS n_compared
  FROM v_last l JOIN metric m ON m.attempt_id = l.attempt_id
  WHERE m.name IN ('rel_rms', 'max_rel', 'max_abs', 'cosine')
  GROUP BY l.cell_id) e ON e.cell_id = x.cell_id;

-- One wide row an attempt, running ones too. The median here is that of the attempt alone.
CREATE VIEW v_flat AS
SELECT x.*, a.attempt_id, a.uuid AS attempt, a.round, a.started_utc, a.ended_utc,
  a.outcome AS attempt_outcome, a.message AS attempt_message, a.phase AS attempt_phase,
  a.exit_code AS attempt_exit_code, a.signal AS attempt_signal, a.stderr_tail, a.stop_reason,
  a.warmup_iters, a.warmup_ns, a.wall_ns, a.cpu_user_ns, a.cpu_sys_ns, a.ctx_invol,
  a.minor_faults, a.major_faults, a.workspace_peak_bytes, a.rss_peak_bytes, a.rss_base_bytes,
  a.checksum, a.load1,
  (SELECT count(*) FROM sample p WHERE p.attempt_id = a.attempt_id) AS n_samples,
  (SELECT avg(y) FROM (
     SELECT 1.0 * p.total_ns / p.iters AS y, count(*) OVER () AS c,
       row_number() OVER (ORDER BY 1.0 * p.total_ns / p.iters) AS r
     FROM sample p WHERE p.attempt_id = a.attempt_id)
   WHERE r IN ((c + 1) / 2, (c + 2) / 2)) AS attempt_median_ns,
  (SELECT min(1.0 * p.total_ns / p.iters) FROM sample p WHERE p.attempt_id = a.attempt_id)
    AS attempt_min_ns,
  (SELECT max(1.0 * p.total_ns / p.iters) FROM sample p WHERE p.attempt_id = a.attempt_id)
    AS attempt_max_ns,
  (SELECT value FROM metric m WHERE m.attempt_id = a.attempt_id AND m.name = 'rel_rms') AS rel_rms,
  (SELECT value FROM metric m WHERE m.attempt_id = a.attempt_id AND m.name = 'max_rel') AS max_rel,
  (SELECT value FROM metric m WHERE m.attempt_id = a.attempt_id AND m.name = 'accuracy')
    AS accuracy,
  (SELECT count(*) FROM warning w WHERE w.attempt_id = a.attempt_id) AS n_warnings,
  k.flops_algo AS flop, k.bytes_algo AS byte, k.state_bytes, k.saved_bytes, k.work_bytes,
  k.instance_bytes, k.output_bytes, k.input_bytes,
  s.uuid AS sweep_uuid, s.label, s.state AS sweep_state, b.version, b.git_commit, b.git_dirty,
  b.cc, b.cflags, b.blas, h.hostname, h.cpu_model, h.n_cores, h.kernel, h.distro
FROM v_cell x JOIN cell k ON k.cell_id = x.cell_id JOIN sweep s ON s.sweep_id = x.sweep_id
  JOIN build b ON b.build_id = s.build_id JOIN machine h ON h.machine_id = s.machine_id
  JOIN attempt a ON a.cell_id = x.cell_id;

-- Every sample with its cell: the raw data.
CREATE VIEW v_samples AS
SELECT x.*, a.attempt_id, a.round, p.idx, p.iters, p.total_ns, 1.0 * p.total_ns / p.iters AS call_ns,
  p.flags
FROM v_cell x JOIN attempt a ON a.cell_id = x.cell_id JOIN sample p ON p.attempt_id = a.attempt_id;

-- Every metric of every finished attempt.
CREATE VIEW v_metrics AS
SELECT x.*, a.attempt_id, a.round, a.outcome AS attempt_outcome, m.name AS metric, m.value, m.lo,
  m.hi, m.unit, m.n_total, m.n_nonfinite
FROM v_cell x JOIN attempt a ON a.cell_id = x.cell_id JOIN metric m ON m.attempt_id = a.attempt_id;

-- Warnings of attempts and, with no cell, of whole sweeps.
CREATE VIEW v_warnings AS
SELECT x.*, a.attempt_id, a.round, w.code, w.text, w.at_utc
FROM warning w JOIN attempt a ON a.attempt_id = w.attempt_id JOIN v_cell x ON x.cell_id = a.cell_id;
CREATE VIEW v_sweep_warnings AS
SELECT s.sweep_id, substr(s.uuid, 1, 8) AS sweep, w.code, w.text, w.at_utc
FROM warning w JOIN sweep s ON s.sweep_id = w.sweep_id;

CREATE VIEW v_sweep AS
SELECT s.sweep_id, substr(s.uuid, 1, 8) AS sweep, s.uuid, s.state, s.label, s.note, s.argv_json,
  s.created_utc, s.finished_utc, printf('%u', s.seed) AS seed, s.rounds, s.quick, s.env_json,
  b.version, b.git_commit, b.git_dirty, b.cc, b.cflags, b.blas, h.hostname, h.cpu_model,
  h.n_cores, h.ram_bytes, h.isa, h.kernel, h.distro, h.virt,
  (SELECT count(*) FROM cell c WHERE c.sweep_id = s.sweep_id) AS cells,
  (SELECT coalesce(sum(c.rounds), 0) FROM cell c WHERE c.sweep_id = s.sweep_id)
    AS attempts_planned,
  (SELECT count(*) FROM v_last l JOIN cell c ON c.cell_id = l.cell_id
   WHERE c.sweep_id = s.sweep_id AND l.outcome <> 'interrupted') AS attempts_done
FROM sweep s JOIN build b ON b.build_id = s.build_id JOIN machine h ON h.machine_id = s.machine_id;
