# SPDX-License-Identifier: Apache-2.0
"""A peer for the tests: o_t is the sum of v_1 .. v_t, and some bad habits on request."""
import os
import sys
import labench_peer as peer

calls = 0


@peer.probe
def probe():
    print("a library's greeting")
    if os.environ.get("TOY_MISSING"):
        raise ImportError("No module named 'toy'")
    return "toy 1", {"toy_never": "never anywhere"}


@peer.impl("toy_sum")
def sums(job, tensors):
    v, o = tensors["v"].view, tensors["o"].view

    def call():
        global calls
        calls += 1
        total = [0.0] * job.dv
        for i in range(0, len(v), job.dv):
            total = [a + b for a, b in zip(total, v[i:i + job.dv])]
            o[i:i + job.dv] = memoryview(__import__("array").array("f", total))
    return call


@peer.impl("toy_publish", "linear")
def publishes(job, tensors):
    found = []

    def call():
        found[:] = [2 * x for x in tensors["v"].view]

    def publish():
        for i, x in enumerate(found):
            tensors["o"].view[i] = x
    return peer.Work(call, publish, peak=lambda: 4711)


@peer.impl("toy_declines")
def declines(job, tensors):
    raise peer.Unsupported(f"T = {job.T} is not even")


@peer.impl("toy_fails")
def fails(job, tensors):
    return lambda: 1 / 0


@peer.impl("toy_hungry")
def hungry(job, tensors):
    return lambda: bytearray(1 << 62)


@peer.impl("toy_dies")
def dies(job, tensors):
    return lambda: os._exit(3)


@peer.impl("toy_grows")
def grows(job, tensors):
    kept = []
    return lambda: kept or kept.append(bytearray(b"x" * (64 << 20)))


if __name__ == "__main__":
    if os.environ.get("TOY_REQUIRE"):
        peer.require("no_such_module_anywhere")
    sys.exit(peer.main())
