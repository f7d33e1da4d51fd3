# SPDX-License-Identifier: Apache-2.0
"""peers/ggml against loops over tokens in float64."""
import math
import os
import sys
import unittest

import peer_driver as driver

try:
    import ggml  # noqa: F401
    import numpy as np
except ImportError as why:
    print(f"skipped: {why}")
    sys.exit(77)

WORKER = os.path.join(driver.PEERS, "ggml", "ggml_worker.py")


def recurrence(x, scale, delta):
    """The recurrent family of labench, token by token."""
    q, k, v = x["q"], x["k"], x["v"]
    S = np.zeros(q.shape[:1] + q.shape[2:] + v.shape[-1:])
    o = np.zeros(v.shape)
    for t in range(q.shape[1]):
        undecayed = S
        if "g" in x:
            g = x["g"][:, t]
            S = S * np.exp(g if g.ndim == 3 else g[..., None])[..., None]
        u = v[:, t]
        if delta:
            u = x["beta"][:, t, :, None] * (u - np.einsum("bhij,bhi->bhj", S, k[:, t]))
        S = S + np.einsum("bhi,bhj->bhij", k[:, t], u)
        if "a" in x:
            read = np.einsum("bhij,bhi->bhj", undecayed, x["a"][:, t])
            S = S + np.einsum("bhi,bhj->bhij", x["b"][:, t], read)
        o[:, t] = scale * np.einsum("bhij,bhi->bhj", S, q[:, t])
    return o


def attention(x, scale, causal):
    group = x["q"].shape[2] // x["k"].shape[2]
    k, v = x["k"].repeat(group, 2), x["v"].repeat(group, 2)
    scores = scale * np.einsum("bthd,bshd->bhts", x["q"], k)
    if causal:
        scores = np.where(np.triu(np.ones(scores.shape[-2:]), 1) > 0, -np.inf, scores)
    p = np.exp(scores - scores.max(-1, keepdims=True))
    return np.einsum("bhts,bshd->bthd", p / p.sum(-1, keepdims=True), v)


def draw(T, names, H=2, Hkv=None, d=16, channels=False, B=2):
    random = np.random.default_rng(T)
    unit = random.standard_normal((B, T, H, d))
    unit /= np.linalg.norm(unit, axis=-1, keepdims=True)
    k = random.standard_normal((B, T, Hkv or H, d))
    x = {"q": random.standard_normal((B, T, H, d)), "v": random.standard_normal((B, T, Hkv or H, d)),
         "k": k / np.linalg.norm(k, axis=-1, keepdims=True), "beta": random.random((B, T, H)),
         "g": -np.exp(random.standard_normal((B, T, H, d) if channels else (B, T, H)) - 2),
         "a": -unit, "b": unit * random.random((B, T, H, d))}
    return {n: x[n].astype("float32").astype("float64") for n in names}


class Agreement(unittest.TestCase):
    def attempt(self, variant, impl, x, mask="causal", scale=None, pass_="fwd",
                options=None):
        shape = x["q"].shape[:3] + x["v"].shape[3:]
        tensors = {n: ("in", t.shape) for n, t in x.items()}
        tensors["o"] = ("out", shape)
        B, T, H, d = x["q"].shape
        job = driver.make_job(variant, impl, tensors, pass_, mask, B=B, T=T, H=H,
                              Hkv=x["k"].shape[2], dk=d, dv=shape[3], scale=scale, threads=2,
                              options=options)
        records, out, _ = driver.run(WORKER, job, {n: t.ravel().tolist() for n, t in x.items()})
        return driver.end_of(records), np.array(out["o"]).reshape(shape)

    def check(self, variant, impl, x, wanted, **more):
        end, found = self.attempt(variant, impl, x, **more)
        self.assertEqual(end["outcome"], "ok", end)
        self.assertLess(np.abs(found - wanted).max() / np.sqrt((wanted ** 2).mean()), 1e-5)

    def test_attention(self):
        for mask in ("causal", "bidirectional"):
            for T, heads in ((1, 2), (70, 1)):
                x = draw(T, "qkv", H=2, Hkv=heads, d=24)
                self.check("flash", "ggml_flash", x, attention(x, 24 ** -0.5, mask == "causal"),
                           mask=mask)

    def test_recurrences(self):
        for variant, impl, names, channels in (
                ("gla", "ggml_gla", ["g"], True), ("deltanet", "ggml_delta", ["beta"], False),
                ("gated_deltanet", "ggml_delta", ["beta", "g"], False),
                ("kda", "ggml_delta", ["beta", "g"], True)):
            x = draw(70, ["q", "k", "v", *names], channels=channels)
            with self.subTest(variant):
                self.check(variant, impl, x, recurrence(x, 0.25, "beta" in x))

    def test_decays_that_no_input_says(self):
        x = draw(70, "qkv")
        self.check("linear", "ggml_gla", x, recurrence(x, 0.25, False),
                   options={"map": "identity", "normalize": 0})
        gamma = np.log1p(-2.0 ** np.arange(-5, -7, -1))
        slow = dict(x, g=np.broadcast_to(gamma, x["q"].shape[:3]))
        self.check("retnet", "ggml_gla", x, recurrence(slow, 0.25, False))

    def test_mamba2_though_its_decays_are_independent_of_its_steps(self):
        for dk, dv in ((16, 16), (24, 8)):
            x = draw(70, ["q", "k", "v", "beta", "g"], d=dk)
            x["v"] = x["v"][..., :dv]
            x["g"][:, 7] = -50
            written = dict(x, v=x["v"] * x["beta"][..., None])
            self.check("mamba2", "ggml_ssm", x, recurrence(written, 1.0, False), scale=1.0)

    def test_rwkv7(self):
        x = draw(33, "qkvgab", d=64, channels=True)
        self.check("rwkv7", "ggml_wkv7", x, recurrence(x, 1.0, False), scale=1.0)

    def test_what_it_cannot_do_is_declined(self):
        x = draw(8, "qkvgab", d=24, channels=True)
        self.assertEqual(self.attempt("rwkv7", "ggml_wkv7", x, scale=1.0)[0]["outcome"],
                         "unsupported")
        x = draw(8, ["q", "k", "v", "beta"])
        end, _ = self.attempt("linear", "ggml_gla", x, options={"map": "elu", "normalize": 1})
        self.assertIn("linear.map=identity", end["message"])
        end, _ = self.attempt("deltanet", "ggml_delta", x, scale=1.0)
        self.assertEqual(end["outcome"], "unsupported")
        self.assertTrue(math.isclose(0.25, 16 ** -0.5) and "0.25" in end["message"], end)


if __name__ == "__main__":
    unittest.main()
