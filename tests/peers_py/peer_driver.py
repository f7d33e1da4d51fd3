# SPDX-License-Identifier: Apache-2.0
"""Plays labench for a peer: draws nothing and checks nothing, but starts the program as labench does
(records on descriptor 3, the job on 4, the file of tensors on 5) and gives back what it said."""
import array
import json
import math
import os
import struct
import sys
import tempfile
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = os.path.normpath(os.path.join(HERE, "..", "..", "peers"))
KINDS = {1: "start", 2: "phase", 3: "samples", 4: "end"}
QUICK = {"min_time_s": 0.02, "max_time_s": 0.1, "target": 0.5, "min_samples": 3, "max_samples": 50,
         "slow_s": 10}


def parse_records(data):
    """[(kind, object), ...]; raises where the framing is not as harness/run/protocol.h has it."""
    records = []
    while data:
        magic, kind, length, crc = struct.unpack("<IIII", data[:16])
        body = data[16:16 + length]
        assert magic == 0x5242414C, hex(magic)
        assert len(body) == length <= 1 << 20
        assert crc == zlib.crc32(data[:12] + body)
        records.append((KINDS[kind], json.loads(body)))
        data = data[16 + length:]
    return records


def layout(tensors):
    """({name: description}, total bytes) of {name: (role, shape)}, all f32."""
    at, out = 0, {}
    for name, (role, shape) in tensors.items():
        size = 4 * math.prod(shape)
        out[name] = {"dtype": "f32", "shape": list(shape), "offset": at, "bytes": size, "role": role}
        at += (size + 4095) // 4096 * 4096
    return out, at


def make_job(variant, impl, tensors, pass_="fwd", mask="causal", rule=None, options=None, B=1, T=8,
             H=1, Hkv=None, dk=4, dv=4, threads=1, scale=None, backend="cpu"):
    """The JSON object of a job, for tensors {name: (role, shape)}."""
    described, total = layout(tensors)
    scale = 1 / math.sqrt(dk) if scale is None else scale
    cell = {"backend": backend, "batch": B, "cache": "hot", "dk": dk, "dtype": "f32", "dv": dv,
            "heads": H, "impl": impl, "isa": "generic", "kv_heads": Hkv or H, "mask": mask,
            "options": options or {}, "pass": pass_, "qk_heads": H, "scale": scale, "seqlen": T,
            "task": "", "tcap": T, "threads": threads, "tokens": T, "variant": variant}
    return {"cell": cell, "parent": os.getpid(), "seed": "1", "memory_limit": 0, "scale": scale,
            "rule": rule or QUICK, "threads": threads, "tensors": described, "tensors_bytes": total}


def run(program, job, values=None, python=sys.executable):
    """Runs one attempt. values: {name: floats of an input}. Returns (records, outputs, status) with
    outputs {name: array of floats}."""
    with tempfile.TemporaryFile() as tensors, tempfile.TemporaryFile() as told, \
            tempfile.TemporaryFile() as said:
        tensors.truncate(max(job["tensors_bytes"], 1))
        for name, floats in (values or {}).items():
            tensors.seek(job["tensors"][name]["offset"])
            tensors.write(array.array("f", floats).tobytes())
        tensors.flush()
        told.write(json.dumps(job).encode())
        told.flush()
        told.seek(0)
        pid = os.fork()
        if pid == 0:
            # Out of the way first: a target number may be one of the sources.
            high = [os.dup2(f.fileno(), 50 + i) for i, f in enumerate((said, told, tensors))]
            for i, fd in enumerate(high):
                os.dup2(fd, 3 + i)
            os.closerange(6, 60)
            env = dict(os.environ, PYTHONPATH=PEERS, LABENCH_PEER_LIB=PEERS,
                       OMP_NUM_THREADS=str(job["threads"]))
            os.execve(python, [python, program], env)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        said.seek(0)
        outputs = {}
        for name, t in job["tensors"].items():
            tensors.seek(t["offset"])
            outputs[name] = array.array("f", tensors.read(t["bytes"]))
        return parse_records(said.read()), outputs, status


def end_of(records):
    assert records[-1][0] == "end", records
    return records[-1][1]
