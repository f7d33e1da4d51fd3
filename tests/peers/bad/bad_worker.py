# SPDX-License-Identifier: Apache-2.0
"""Workers with one bad habit each, named by the impl: bad_hang, bad_garbage, ... The variant is copy,
o = v and dv = do, so that everything else about them is right."""
import ctypes
import json
import mmap
import os
import struct
import sys
import time
import zlib

START, PHASE, SAMPLES, END, CURVE = 1, 2, 3, 4, 5
SOME = {"samples": [[1, 1000], [1, 1100], [1, 1200]]}


def record(kind, body, magic=0x5242414C, flip=0):
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = struct.pack("<III", magic, kind, len(text))
    return head + struct.pack("<I", zlib.crc32(head + text) ^ flip) + text


def send(kind, body, **more):
    os.write(3, record(kind, body, **more))


def eat():
    kept = []
    while True:
        kept.append(bytearray(b"x" * (32 << 20)))
        time.sleep(0.02)


def before_the_start(habit):
    if habit == "no_start":
        send(SAMPLES, SOME)
    elif habit == "two_starts":
        send(START, {"protocol": 2})
    elif habit == "protocol":
        send(START, {"protocol": 1})
    elif habit == "silent_exit":
        sys.exit(0)
    elif habit == "deaf":  # never reads its job, closes its records, and goes on
        os.close(3)
        time.sleep(1000)


def in_the_middle(habit, v, o):
    if habit == "hang":
        time.sleep(1000)
    elif habit == "abort":
        os.abort()
    elif habit == "segv":
        ctypes.string_at(0)
    elif habit == "killed":
        os.kill(os.getpid(), 9)
    elif habit == "raise":
        raise RuntimeError("the library is broken")
    elif habit == "memory":
        eat()
    elif habit == "child_memory":
        if os.fork() == 0:
            eat()
        os.wait()
    elif habit == "garbage":
        os.write(3, b"hello, is this the right pipe? " * 10)
    elif habit == "crc":
        send(PHASE, {"phase": "x"}, flip=1)
    elif habit == "json":
        send(SAMPLES, b"[[1, 2")
    elif habit == "type":
        send(17, {})
    elif habit == "half":
        os.write(3, record(SAMPLES, SOME)[:25])
        os._exit(0)
    elif habit == "negative":
        send(SAMPLES, {"samples": [[1, -5]]})
    elif habit == "wrong":
        o[len(o) // 2] += 1.0
    elif habit == "nan":
        o[3] = float("nan")
    elif habit == "unwritten":
        o[:] = memoryview(bytes(b"\xff" * 4 * len(o))).cast("f")
    elif habit == "inputs":
        v[0] += 1.0


def main():
    if "--probe" in sys.argv:
        print(json.dumps({"usable": True, "version": "bad 1"}))
        return
    with os.fdopen(4) as f:
        job = json.load(f)
    habit = job["cell"]["impl"][len("bad_"):]
    before_the_start(habit)
    send(START, {"protocol": 2, "pid": os.getpid()})
    file = mmap.mmap(5, job["tensors_bytes"])
    x = {name: memoryview(file)[t["offset"]:t["offset"] + t["bytes"]].cast("f")
         for name, t in job["tensors"].items()}
    send(PHASE, {"phase": 'a "quoted" \\ phase' if habit == "quoted" else "measure"})
    x["o"][:] = x["v"]
    if "do" in x:
        x["dv"][:] = x["do"]
        for name in ("dq", "dk"):
            x[name][:] = memoryview(bytes(4 * len(x[name]))).cast("f")
        if habit == "short_gradient" and job["cell"]["tokens"] == 2048:
            x["dv"][77] += 1.0
    in_the_middle(habit, x["v"], x["o"])
    if habit == "no_end":
        sys.exit(0)
    if habit not in ("no_samples", "unsupported"):
        send(SAMPLES, SOME)
    if habit == "unsupported":
        send(END, {"outcome": "unsupported", "message": "not on a Friday"})
    elif habit == "oom_device":
        send(END, {"outcome": "oom_device", "message": "the device is full"})
    elif habit == "claims":
        send(END, {"outcome": "killed"})
    else:
        send(END, {"outcome": "ok"})
    if habit == "after_end":
        send(PHASE, {"phase": "more"})
    if habit == "exit_7":
        sys.exit(7)


main()
