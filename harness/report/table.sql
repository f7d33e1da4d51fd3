-- One row for each problem: its forward, its forward with backward, its decode, its recall. Trained
-- models have tables of their own.
SELECT t.variant, t.impl, t.dtype, t.mask, t.batch, t.heads, t.kv_heads, t.qk_heads, t.dk, t.dv,
  t.threads, t.options, t.cache_mode, t.device_name, t.seqlen, t.seqlen AS x, min(t.tags) AS tags, t.isa,
  max(iif(t.task = '' AND t.pass = 'fwd', t.outcome, NULL)) AS fwd_outcome,
  max(iif(t.task = '' AND t.pass = 'fwd', t.message, NULL)) AS fwd_message,
  max(iif(t.task = '' AND t.pass = 'fwd', t.median_ns, NULL)) AS fwd_ns,
  max(iif(t.task = '' AND t.pass = 'fwd', t.lo_ns, NULL)) AS fwd_lo,
  max(iif(t.task = '' AND t.pass = 'fwd', t.hi_ns, NULL)) AS fwd_hi,
  max(iif(t.task = '' AND t.pass = 'fwd', t.n, NULL)) AS fwd_n,
  max(iif(t.task = '' AND t.pass = 'fwd', t.flop_per_s, NULL)) AS flop_per_s,
  max(iif(t.task = '' AND t.pass = 'fwd', t.pct_peak, NULL)) AS pct_peak,
  max(iif(t.task = '' AND t.pass = 'fwd', t.pct_beside, NULL)) AS pct_beside,
  max(iif(t.task = '' AND t.pass = 'decode', t.outcome, NULL)) AS decode_outcome,
  max(iif(t.task = '' AND t.pass = 'decode', t.ns_per_token, NULL)) AS decode_ns,
  max(iif(t.task = '' AND t.pass = 'decode', t.lo_ns / t.batch, NULL)) AS decode_lo,
  max(iif(t.task = '' AND t.pass = 'decode', t.hi_ns / t.batch, NULL)) AS decode_hi,
  max(iif(t.task = '' AND t.pass = 'fwdbwd', t.outcome, NULL)) AS fwdbwd_outcome,
  max(iif(t.task = '' AND t.pass = 'fwdbwd', t.median_ns, NULL)) AS fwdbwd_ns,
  max(iif(t.task = '' AND t.pass = 'fwdbwd', t.lo_ns, NULL)) AS fwdbwd_lo,
  max(iif(t.task = '' AND t.pass = 'fwdbwd', t.hi_ns, NULL)) AS fwdbwd_hi,
  max(iif(t.task = '' AND t.pass = 'fwdbwd', m.saved_bytes, NULL)) AS saved_bytes,
  max(iif(t.task = '' AND t.pass = 'bwd', t.outcome, NULL)) AS bwd_outcome,
  max(iif(t.task = '' AND t.pass = 'bwd', t.median_ns, NULL)) AS bwd_ns,
  max(iif(t.task = '' AND t.pass = 'fwd', m.extra_bytes, NULL)) AS work_bytes,
  max(m.state_bytes) AS state_bytes,
  max(iif(t.task = '' AND t.pass = 'fwd', e.rel_rms, NULL)) AS error,
  coalesce(min(iif(t.task = 'recall' AND t.outcome NOT IN ('ok', 'unsupported'), t.outcome, NULL)),
    min(iif(t.task = 'recall', t.outcome, NULL))) AS recall_outcome,
  -- Where one of several settings failed there is no number.
  iif(sum(t.task = 'recall' AND t.outcome NOT IN ('ok', 'unsupported')), NULL, min(a.accuracy)) AS recall_least,
  iif(sum(t.task = 'recall' AND t.outcome NOT IN ('ok', 'unsupported')), NULL, max(a.accuracy)) AS recall_most,
  min(a.lo) AS recall_lo, max(a.hi) AS recall_hi
FROM v_time t LEFT JOIN v_memory m ON m.cell_id = t.cell_id
  LEFT JOIN v_error e ON e.cell_id = t.cell_id
  LEFT JOIN v_accuracy a ON a.cell_id = t.cell_id AND a.metric = 'accuracy' AND t.task = 'recall'
WHERE t.sweep_id = CAST(?1 AS INT) AND t.recipe IS NULL
GROUP BY t.variant, t.impl, t.dtype, t.mask, t.batch, t.heads, t.kv_heads, t.qk_heads, t.dk, t.dv,
  t.threads, t.options, t.cache_mode, t.seqlen
ORDER BY t.variant, t.impl, t.dtype, t.mask, t.batch, t.heads, t.kv_heads, t.qk_heads, t.dk, t.dv,
  t.threads, t.options, t.cache_mode, t.seqlen
