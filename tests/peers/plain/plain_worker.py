# SPDX-License-Identifier: Apache-2.0
"""A peer without labench_peer.py: the worker protocol of docs/peers.md by hand, in plain Python.

It computes linear attention without a feature map or denominator, o_t = s q_t' (k_1 v_1' + .. + k_t v_t'),
with its gradients and a decode step, for tensors of a few hundred numbers.
"""
import json
import mmap
import os
import struct
import sys
import time
import zlib

START, PHASE, SAMPLES, END = 1, 2, 3, 4


def send(kind, body):
    text = json.dumps(body).encode()
    head = struct.pack("<III", 0x5242414C, kind, len(text))
    os.write(3, head + struct.pack("<I", zlib.crc32(head + text)) + text)


def tensors_of(job):
    file = mmap.mmap(5, job["tensors_bytes"])
    return {name: memoryview(file)[t["offset"]:t["offset"] + t["bytes"]].cast("f")
            for name, t in job["tensors"].items()}


def forward(cell, scale, x, S):
    """S [B,H,dk,dv], flat: the sums so far; moved on, and read, token by token."""
    B, T, H, dk, dv = (cell[name] for name in ("batch", "tokens", "heads", "dk", "dv"))
    q, k, v, o = x["q"], x["k"], x["v"], x["o"]
    for b, t, h in ((b, t, h) for b in range(B) for t in range(T) for h in range(H)):
        at, s = (b * T + t) * H + h, (b * H + h) * dk * dv
        for i in range(dk):
            for j in range(dv):
                S[s + i * dv + j] += k[at * dk + i] * v[at * dv + j]
        for j in range(dv):
            o[at * dv + j] = scale * sum(q[at * dk + i] * S[s + i * dv + j] for i in range(dk))


def backward(cell, scale, x):
    """dq_t sees the tokens up to t; dk_t and dv_t those from t on."""
    B, T, H, dk, dv = (cell[name] for name in ("batch", "tokens", "heads", "dk", "dv"))
    q, k, v, do = x["q"], x["k"], x["v"], x["do"]
    for b, t, h in ((b, t, h) for b in range(B) for t in range(T) for h in range(H)):
        at = (b * T + t) * H + h
        dq, dkey, dval = [0.0] * dk, [0.0] * dk, [0.0] * dv
        for u in range(T):
            other = (b * T + u) * H + h
            if u <= t:
                w = scale * sum(do[at * dv + j] * v[other * dv + j] for j in range(dv))
                dq = [a + w * k[other * dk + i] for i, a in enumerate(dq)]
            if u >= t:
                w = scale * sum(do[other * dv + j] * v[at * dv + j] for j in range(dv))
                dkey = [a + w * q[other * dk + i] for i, a in enumerate(dkey)]
                w = scale * sum(q[other * dk + i] * k[at * dk + i] for i in range(dk))
                dval = [a + w * do[other * dv + j] for j, a in enumerate(dval)]
        for name, row, d in (("dq", dq, dk), ("dk", dkey, dk), ("dv", dval, dv)):
            for i in range(d):
                x[name][at * d + i] = row[i]


def call(job, x):
    cell = job["cell"]
    S = list(x["state_in.S"]) if "state_in.S" in x else \
        [0.0] * (cell["batch"] * cell["heads"] * cell["dk"] * cell["dv"])
    forward(cell, job["scale"], x, S)
    if "state_out.S" in x:
        x["state_out.S"][:] = memoryview(struct.pack(f"{len(S)}f", *S)).cast("f")
    if "do" in x:
        backward(cell, job["scale"], x)


def main():
    if "--probe" in sys.argv:
        print(json.dumps({"usable": True, "version": "plain 1",
                          "unusable": {"plain_never": "it is only there to be refused"}}))
        return
    send(START, {"protocol": 2, "pid": os.getpid()})
    with os.fdopen(4) as f:
        job = json.load(f)
    x = tensors_of(job)
    send(PHASE, {"phase": "measure"})
    samples = []
    for _ in range(3):
        start = time.monotonic_ns()
        call(job, x)
        samples.append([1, time.monotonic_ns() - start])
    send(SAMPLES, {"samples": samples})
    send(END, {"outcome": "ok", "call_ns": samples[0][1], "stop_reason": "samples"})


main()
