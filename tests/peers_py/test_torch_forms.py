# SPDX-License-Identifier: Apache-2.0
"""peers/torch against loops over tokens in float64, values and gradients, and whole attempts."""
import math
import os
import sys
import unittest

import peer_driver as driver

sys.path.insert(0, os.path.join(driver.PEERS, "torch"))
try:
    import torch
    import torch_forms as forms
except ImportError as why:
    print(f"skipped: {why}")
    sys.exit(77)

WORKER = os.path.join(driver.PEERS, "torch", "torch_worker.py")
torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)


def softmax_loop(q, k, v, causal):
    rows = []
    for t in range(q.shape[1]):
        end = t + 1 if causal else q.shape[1]
        p = torch.softmax(torch.einsum("bhd,bjhd->bhj", q[:, t], k[:, :end]), -1)
        rows.append(torch.einsum("bhj,bjhd->bhd", p, v[:, :end]))
    return torch.stack(rows, 1)


def recurrence(q, k, v, beta=None, g=None, delta=False):
    """The recurrent family of labench, token by token. g [B,T,H] or [B,T,H,dk]."""
    B, T, H, dv = v.shape
    if g is not None and g.dim() == 3:
        g = g.unsqueeze(-1)
    q, k = forms.heads_like(q, H), forms.heads_like(k, H)
    S = torch.zeros(B, H, q.shape[-1], dv)
    rows = []
    for t in range(T):
        if g is not None:
            S = S * g[:, t].exp().unsqueeze(-1)
        u = v[:, t]
        if delta:
            u = u - torch.einsum("bhij,bhi->bhj", S, k[:, t])
        if beta is not None:
            u = u * beta[:, t].unsqueeze(-1)
        S = S + torch.einsum("bhi,bhj->bhij", k[:, t], u)
        rows.append(torch.einsum("bhij,bhi->bhj", S, q[:, t]))
    return torch.stack(rows, 1)


def draw(T, H=2, qk=None, B=2, dk=6, dv=5, channels=False, strong=False):
    torch.manual_seed(T)
    qk = qk or H
    x = {"q": torch.randn(B, T, qk, dk), "k": torch.randn(B, T, qk, dk), "v": torch.randn(B, T, H, dv),
         "beta": torch.rand(B, T, H)}
    x["k"] /= x["k"].norm(dim=-1, keepdim=True)
    shape = (B, T, H, dk) if channels else (B, T, H)
    x["g"] = -torch.exp(torch.randn(shape) - 2)
    if strong:  # a hard reset here and there, and nothing forgotten elsewhere
        x["g"] = torch.where(torch.rand(shape) < 0.2, -50.0, 0.0)
    return x


class Forms(unittest.TestCase):
    def agree(self, chunked, loop, inputs, names):
        leaves = [inputs[n].requires_grad_(True) for n in names]
        found, wanted = chunked(*leaves), loop(*leaves)
        self.assertLess((found - wanted).abs().max().item(), 1e-10)
        do = torch.randn_like(wanted)
        for name, a, b in zip(names, torch.autograd.grad(found, leaves, do),
                              torch.autograd.grad(wanted, leaves, do)):
            self.assertTrue(torch.isfinite(a).all(), name)
            self.assertLess((a - b).abs().max().item(), 1e-9, f"gradient of {name}")

    def each(self, names, chunked, loop, **more):
        for T in (1, 5, 70):
            for strong in (False, True):
                with self.subTest(T=T, strong=strong):
                    self.agree(chunked, loop, draw(T, strong=strong, **more), names)

    def test_additive(self):
        self.each("qkv", forms.additive, recurrence, qk=1)

    def test_additive_with_decay(self):
        self.each("qkvg", forms.additive, lambda q, k, v, g: recurrence(q, k, v, None, g))

    def test_gla(self):
        self.each("qkvg", forms.gla, lambda q, k, v, g: recurrence(q, k, v, None, g), channels=True)

    def test_delta(self):
        self.each(["q", "k", "v", "beta"], forms.delta,
                  lambda q, k, v, b: recurrence(q, k, v, b, None, True), qk=1)

    def test_gated_delta(self):
        self.each(["q", "k", "v", "beta", "g"], forms.delta,
                  lambda q, k, v, b, g: recurrence(q, k, v, b, g, True))

    def test_kda(self):
        self.each(["q", "k", "v", "beta", "g"], forms.kda,
                  lambda q, k, v, b, g: recurrence(q, k, v, b, g, True), channels=True)

    def test_linear(self):
        def loop(causal):
            def run(q, k, v):
                q, k, ones = forms.F.elu(q) + 1, forms.F.elu(k) + 1, torch.ones_like(v[..., :1])
                both = torch.cat([v, ones], -1)
                o = recurrence(q, k, both) if causal else \
                    torch.einsum("bthi,bshi,bshj->bthj", q, k, both)
                return o[..., :-1] / (o[..., -1:] + 1e-6)
            return run
        for causal in (True, False):
            self.each("qkv", lambda q, k, v: forms.linear(q, k, v, "elu", 1e-6, causal), loop(causal))

    def test_fourier(self):
        for T, D in ((1, 6), (5, 4), (16, 8)):
            tokens, channels = torch.arange(T), torch.arange(D)
            angle = 2 * math.pi * (torch.outer(tokens, tokens)[:, None, :, None] / T +
                                   torch.outer(channels, channels)[None, :, None, :] / D)
            for norm, factor in ((None, 1.0), ("ortho", (T * D) ** -0.5)):
                self.agree(lambda x: forms.fourier(x, norm), lambda x: factor * torch.einsum(
                    "tcuw,buw->btc", angle.cos(), x), {"x": torch.randn(2, T, D)}, "x")

    def test_naive_softmax_with_grouped_heads(self):
        for causal in (True, False):
            x = draw(33, H=4)
            x["k"], x["v"] = x["k"][:, :, :2].clone(), x["v"][:, :, :2].clone()
            hidden = torch.ones(33, 33, dtype=torch.bool).triu(1) if causal else None
            self.agree(lambda q, k, v: forms.naive_softmax(q, k, v, 0.5, hidden),
                       lambda q, k, v: softmax_loop(0.5 * q, k.repeat_interleave(2, 2),
                                                    v.repeat_interleave(2, 2), causal), x, "qkv")


class Attempts(unittest.TestCase):
    def attempt(self, variant, impl, pass_, inputs, causal=True, Hkv=None):
        x = {n: t.detach().float() for n, t in inputs.items()}
        do = torch.randn_like(x["v"] if not Hkv else x["q"])
        tensors = {n: ("in", t.shape) for n, t in x.items()}
        tensors["o"] = ("out", do.shape)
        if pass_ != "fwd":
            tensors["do"] = ("in", do.shape)
            tensors.update({"d" + n: ("out", t.shape) for n, t in x.items()})
        B, T, H, dk = x["q"].shape
        job = driver.make_job(variant, impl, tensors, pass_, "causal" if causal else "bidirectional",
                              B=B, T=T, H=H, Hkv=Hkv, dk=dk, dv=x["v"].shape[-1])
        records, out, status = driver.run(WORKER, job, {
            n: t.flatten().tolist() for n, t in list(x.items()) + [("do", do)]
            if n in tensors})
        self.assertEqual(status, 0)
        shapes = {n: s for n, (_, s) in tensors.items()}
        return driver.end_of(records), do.double(), {
            n: torch.tensor(list(a)).view(shapes[n]) for n, a in out.items()}

    def check(self, variant, impl, loop, inputs, passes=("fwdbwd",), **more):
        for pass_ in passes:
            end, do, out = self.attempt(variant, impl, pass_, inputs, **more)
            if end["outcome"] == "unsupported" and "torch 1." in end["message"]:
                continue
            self.assertEqual(end["outcome"], "ok", end)
            leaves = [t.detach().float().double().requires_grad_(True) for t in inputs.values()]
            wanted = loop(**dict(zip(inputs, leaves)))
            self.assertLess((out["o"] - wanted).abs().max().item(), 1e-5)
            if pass_ != "fwd":
                for name, d in zip(inputs, torch.autograd.grad(wanted, leaves, do)):
                    self.assertLess((out["d" + name] - d).abs().max().item(), 1e-4, name)

    def test_gated_deltanet(self):
        scale = 1 / math.sqrt(6)
        self.check("gated_deltanet", "torch_chunk", lambda q, k, v, beta, g:
                   recurrence(q * scale, k, v, beta, g, True), draw(70),
                   passes=("fwd", "bwd", "fwdbwd"))

    def test_scaled_dot_product_attention(self):
        x = draw(40, dk=8, dv=8)
        x = {n: x[n] for n in "qkv"}
        for variant, impl, causal in (("softmax", "torch_math", False), ("flash", "torch_flash", True),
                                      ("softmax", "torch_naive", True)):
            self.check(variant, impl, lambda q, k, v: softmax_loop(q / math.sqrt(8), k, v, causal),
                       x, causal=causal)

    def test_heads_that_differ_in_size_are_computed_or_declined_with_a_reason(self):
        x = draw(9)
        end, _, _ = self.attempt("flash", "torch_flash", "fwd", {n: x[n] for n in "qkv"})
        self.assertIn(end["outcome"], ("ok", "unsupported"), end)
        if end["outcome"] == "unsupported":
            self.assertNotIn("Aborting", end["message"])


if __name__ == "__main__":
    unittest.main()
