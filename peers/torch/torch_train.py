# SPDX-License-Identifier: Apache-2.0
"""How fast plain torch trains the model that scripts/training-speed has labench train.

The model is labench's with the recipe `paper` for flash: token embedding and learned positions; blocks of
[layer norm, q k v, causal attention, projection, residual; layer norm, SwiGLU, residual]; a last layer norm,
and the embedding again as the output at every position. Projections around attention have a bias, those of
the SwiGLU have none. A step is forward, cross entropy, backward, clipping at norm 1, AdamW, as in labench.

On what terms
  - Attention is torch's own scaled_dot_product_attention, the optimizer its fused AdamW, nothing is
    compiled. Denormals are flushed, threads are the ones asked for. Before torch 2 there was neither: attention
    is then products and a softmax, and AdamW is not fused.
  - Tokens are drawn before the time starts; labench makes its examples inside its steps.
Prints one line of JSON: parameters, steps, and the milliseconds of each step after the first two.
"""
import argparse
import json
import math
import time

import torch
from torch import nn
from torch.nn import functional as F

WARM = 2  # steps that are not counted


def written_out(q, k, v):
    """Causal softmax attention of torch before version 2."""
    later = torch.ones(q.shape[-2], q.shape[-2], dtype=torch.bool).triu(1)
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    return scores.masked_fill(later, -math.inf).softmax(-1) @ v


def fused(q, k, v):
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


MODERN = hasattr(F, "scaled_dot_product_attention")
attention = fused if MODERN else written_out


class Block(nn.Module):
    def __init__(self, width, heads, mlp):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.inputs, self.output = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up = nn.Linear(width, 2 * mlp * width, bias=False)
        self.down = nn.Linear(mlp * width, width, bias=False)

    def forward(self, x):
        batch, length, width = x.shape
        q, k, v = (self.inputs(self.norm1(x)).view(batch, length, 3, self.heads, width // self.heads)
                   .permute(2, 0, 3, 1, 4))
        o = attention(q, k, v)
        x = x + self.output(o.transpose(1, 2).reshape(batch, length, width))
        u, gate = self.up(self.norm2(x)).chunk(2, -1)
        return x + self.down(F.silu(u) * gate)


class Model(nn.Module):
    def __init__(self, vocabulary, length, width, heads, layers, mlp):
        super().__init__()
        self.embedding, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
        self.blocks = nn.ModuleList([Block(width, heads, mlp) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        for tensor in (self.embedding.weight, self.positions.weight):
            nn.init.normal_(tensor, std=1 / math.sqrt(width))

    def forward(self, tokens):
        x = self.embedding(tokens) + self.positions.weight
        for block in self.blocks:
            x = block(x)
        return F.linear(self.norm(x), self.embedding.weight)


def optimizer(model):
    try:
        return torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.1, fused=True)
    except (TypeError, RuntimeError):  # before torch 2.4 there is none for the CPU
        return torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.1)


def main():
    p = argparse.ArgumentParser(description="training speed of plain torch on the CPU")
    for name, value in (("steps", 10), ("d-model", 64), ("heads", 2), ("layers", 2), ("mlp", 4),
                        ("vocabulary", 256), ("length", 256), ("batch", 64), ("threads", 2)):
        p.add_argument("--" + name, type=int, default=value)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    model = Model(a.vocabulary, a.length, a.d_model, a.heads, a.layers, a.mlp)
    adamw = optimizer(model)
    tokens = torch.randint(0, a.vocabulary, (a.batch, a.length))
    labels = torch.roll(tokens, -1, 1).view(-1)
    ms = []
    for _ in range(WARM + a.steps):
        start = time.perf_counter()
        adamw.zero_grad()
        loss = F.cross_entropy(model(tokens).view(-1, a.vocabulary), labels)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adamw.step()
        ms.append(1e3 * (time.perf_counter() - start))
    print(json.dumps({"torch": torch.__version__, "ms": ms[WARM:], "tokens": a.batch * a.length,
                      "parameters": sum(t.numel() for t in model.parameters())}))


if __name__ == "__main__":
    main()
