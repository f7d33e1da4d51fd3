# SPDX-License-Identifier: Apache-2.0
"""Attention variants in plain torch, as a user of torch would write them with care for speed.

Every function takes tensors as labench lays them out, q, k [B,T,H,dk], v [B,T,H,dv], beta, g [B,T,H]
(or g [B,T,H,dk]), and returns o [B,T,H,dv]; all of it is differentiable by autograd. The formulas are
those of labench's own variants: see `labench show variant NAME`.

Recurrent members go by chunks of C tokens: matrix products inside a chunk, the state S [dk,dv] handed
from chunk to chunk. Whatever does not need S is done for all chunks at once; only what does is in the
loop. The chunks are taken apart by unbind and not by indexing: the backward of W[:, :, i] writes a
zeroed gradient of the whole tensor for each i, which makes a loop over chunks quadratic in T.
"""
import math

import torch
import torch.nn.functional as F

CHUNK = 64
BLOCK = 16  # of the pairwise part where the decay has channels


# Softmax -----------------------------------------------------------------------------------------

def grouped(q, k, v):
    """q [B,Hkv,G,T,dk] and k, v [B,Hkv,1,T,d]: views in which query head h meets kv head h / G."""
    B, T, H, dk = q.shape
    shared = k.shape[2]
    return (q.transpose(1, 2).reshape(B, shared, H // shared, T, dk),
            k.transpose(1, 2).unsqueeze(2), v.transpose(1, 2).unsqueeze(2))


def naive_softmax(q, k, v, scale, hidden):
    """The textbook: one matrix of scores, its softmax, a product. hidden [T,T] is True where a token
    may not look, or None; it is made once, as layers keep it in a buffer."""
    qg, kg, vg = grouped(q * scale, k, v)
    scores = qg @ kg.mT
    if hidden is not None:
        scores.masked_fill_(hidden, -math.inf)
    o = torch.softmax(scores, -1) @ vg
    return o.flatten(1, 2).transpose(1, 2)


def sdpa(q, k, v, causal, extra):
    """torch's own function; which backend it may use is set beforehand (torch_worker.only)."""
    return F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2),
                                          is_causal=causal, **extra).transpose(1, 2)


# Fourier -----------------------------------------------------------------------------------------

def fourier(x, norm=None):
    """The real part of a transform over tokens and channels of x [B,T,D], as the paper's own code and
    everybody's has it. The result is a view of the complex one."""
    return torch.fft.fft2(x.flatten(2), norm=norm).real


# Chunks ------------------------------------------------------------------------------------------

def to_chunks(x, C):
    """[B,T,H,...] as [B,H,N,C,...], padded at the end with zeros: a key, a beta and a log-decay of
    zero leave the state as it is."""
    short = -x.shape[1] % C
    if short:
        x = F.pad(x, (0, 0) * (x.dim() - 2) + (0, short))
    x = x.transpose(1, 2)
    return x.unflatten(2, (x.shape[2] // C, C))


def from_chunks(o, T):
    """[B,H,N,C,dv] as [B,T,H,dv]."""
    return o.flatten(2, 3).transpose(1, 2)[:, :T]


def heads_like(x, H):
    """q or k of fewer heads, each shown to its H / heads value heads."""
    return x if x.shape[2] == H else x.repeat_interleave(H // x.shape[2], 2)


def pair_decay(G):
    """exp(G_i - G_j) for j <= i, else 0. G [...,C] is the running sum of log-decays: the difference is
    formed before exp, so that -50 a token is exact; exp(-G) alone would overflow."""
    later = torch.ones(G.shape[-1], G.shape[-1], dtype=torch.bool, device=G.device).triu(1)
    return (G.unsqueeze(-1) - G.unsqueeze(-2)).masked_fill(later, -math.inf).exp()


def states_before(inner, kept):
    """S before each chunk, [B,H,N,dk,dv], from S <- kept S + inner. kept [B,H,N,dk or 1,1] is the
    decay over a whole chunk; None: 1."""
    if kept is None:
        return F.pad(inner[:, :, :-1].cumsum(2), (0, 0, 0, 0, 1, 0))
    S = torch.zeros_like(inner[:, :, 0])
    before = []
    for add, keep in zip(inner.unbind(2), kept.unbind(2)):
        before.append(S)
        S = torch.addcmul(add, keep, S)
    return torch.stack(before, 2)


# Additive memories -------------------------------------------------------------------------------

def additive(q, k, v, g=None, C=CHUNK):
    """S_t = exp(g_t) S_{t-1} + k_t v_t', o_t = S_t' q_t, with one log-decay per head or none."""
    T, H = v.shape[1], v.shape[2]
    Q, K, V = to_chunks(heads_like(q, H), C), to_chunks(heads_like(k, H), C), to_chunks(v, C)
    P = Q @ K.mT
    if g is None:
        return from_chunks(P.tril() @ V + Q @ states_before(K.mT @ V, None), T)
    G = to_chunks(g, C).cumsum(-1)
    P = P * pair_decay(G)
    K = K * (G[..., -1:] - G).exp().unsqueeze(-1)
    S = states_before(K.mT @ V, G[..., -1].exp()[..., None, None])
    return from_chunks(P @ V + (Q * G.exp().unsqueeze(-1)) @ S, T)


FEATURES = {"elu": lambda x: F.elu(x) + 1, "relu": F.relu}


def linear(q, k, v, feature, eps, causal, C=CHUNK):
    """Normalised linear attention. A column of ones beside V gives the denominator by the same
    products."""
    phi = FEATURES[feature]
    V = F.pad(v, (0, 1), value=1.0)
    if causal:
        o = additive(phi(q), phi(k), V, None, C)
    else:
        S = phi(k).transpose(1, 2).mT @ V.transpose(1, 2)
        o = (phi(q).transpose(1, 2) @ S).transpose(1, 2)
    return o[..., :-1] / (o[..., -1:] + eps)


def channel_products(rows, k, G):
    """For each x in rows: P_ij = sum_c x_ic k_jc exp(G_ic - G_jc) for j <= i, else 0; [...,C,C] of
    [...,C,dk].

    Blocks of 16 tokens. Below the diagonal both factors are taken relative to G before the row block
    and stay at most 1; on the diagonal the differences are formed pair by pair, once for all rows."""
    C = k.shape[-2]
    n = C // BLOCK
    # G before the first token of each block; 0 before the chunk.
    start = F.pad(G[..., BLOCK - 1:-1:BLOCK, :], (0, 0, 1, 0))
    kb, Gb = (x.unflatten(-2, (n, BLOCK)) for x in (k, G))
    later = torch.ones(BLOCK, BLOCK, dtype=torch.bool, device=k.device).triu(1)
    pairs = (Gb.unsqueeze(-2) - Gb.unsqueeze(-3)).masked_fill(later.unsqueeze(-1), -math.inf).exp()
    both = torch.stack(rows, -1).unflatten(-3, (n, BLOCK))  # [...,n,16,dk,rows]
    diagonal = ((pairs * kb.unsqueeze(-3)) @ both).movedim(-1, 0)  # [rows,...,n,16,16]
    lefts = (both * (Gb - start.unsqueeze(-2)).exp().unsqueeze(-1)).movedim(-1, 0)
    bands = []
    for i, (own, left, at) in enumerate(zip(diagonal.unbind(-3), lefts.unbind(-3),
                                            start.unbind(-2))):
        past = i * BLOCK
        band = [own, own.new_zeros(*own.shape[:-1], C - past - BLOCK)]
        if i:
            right = k[..., :past, :] * (at.unsqueeze(-2) - G[..., :past, :]).exp()
            band.insert(0, left @ right.mT)
        bands.append(torch.cat(band, -1))
    return torch.cat(bands, -2).unbind(0)


def gla(q, k, v, g, C=CHUNK):
    """S_t = Diag(exp g_t) S_{t-1} + k_t v_t', o_t = S_t' q_t, with a log-decay per channel."""
    T = v.shape[1]
    Q, K, V = to_chunks(q, C), to_chunks(k, C), to_chunks(v, C)
    G = to_chunks(g, C).cumsum(-2)
    last = G[..., -1:, :]
    S = states_before((K * (last - G).exp()).mT @ V, last.exp().mT)
    P, = channel_products([Q], K, G)
    return from_chunks(P @ V + (Q * G.exp()) @ S, T)


# Delta rules -------------------------------------------------------------------------------------

def delta_chunks(P, L, Q, K, kept, V, W_in, beta, T):
    """What all delta rules share once decays are worked into their parts:

        (I + L) [U0, W] = beta [V, W_in],  U = U0 - W S,  O = P U + Q S,  S <- kept S + K' U

    P, L [...,C,C]; Q, K, W_in [...,C,dk] with their decays from or to the chunk's border; kept as in
    states_before or None. Only the second and the last line need S, and only U and S are in the loop.
    """
    B, H, N, C, dk = Q.shape
    dv = V.shape[-1]
    rhs = torch.cat([V, W_in], -1) * beta.unsqueeze(-1)
    U0, W = torch.linalg.solve_triangular(L, rhs, upper=False, unitriangular=True).split([dv, dk], -1)
    U0, W, Kt = (x.flatten(0, 1).unbind(1) for x in (U0, W, K.mT))
    keeps = [None] * N if kept is None else kept.flatten(0, 1).unbind(1)
    S = Q.new_zeros(B * H, dk, dv)
    writes, before = [], []
    for u0, w, kt, keep in zip(U0, W, Kt, keeps):
        u = torch.baddbmm(u0, w, S, alpha=-1)
        writes.append(u)
        before.append(S)
        S = torch.baddbmm(S if keep is None else S * keep, kt, u)
    U = torch.stack(writes, 1).unflatten(0, (B, H))
    S = torch.stack(before, 1).unflatten(0, (B, H))
    return from_chunks(P @ U + Q @ S, T)


def delta(q, k, v, beta, g=None, C=CHUNK):
    """S <- exp(g) S; u = beta (v - S'k); S <- S + k u'; o = S'q, with one log-decay per head or none."""
    T, H = v.shape[1], v.shape[2]
    Q, K, V = to_chunks(heads_like(q, H), C), to_chunks(heads_like(k, H), C), to_chunks(v, C)
    b = to_chunks(beta, C)
    P, L = Q @ K.mT, (K * b.unsqueeze(-1)) @ K.mT
    if g is None:
        return delta_chunks(P.tril(), L.tril(-1), Q, K, None, V, K, b, T)
    G = to_chunks(g, C).cumsum(-1)
    decay, own = pair_decay(G), G.exp().unsqueeze(-1)
    return delta_chunks(P * decay, (L * decay).tril(-1), Q * own,
                        K * (G[..., -1:] - G).exp().unsqueeze(-1),
                        G[..., -1].exp()[..., None, None], V, K * own, b, T)


def kda(q, k, v, beta, g, C=CHUNK):
    """The same with a log-decay per channel: Diag(exp g) in the place of exp(g)."""
    T = v.shape[1]
    Q, K, V, b = to_chunks(q, C), to_chunks(k, C), to_chunks(v, C), to_chunks(beta, C)
    G = to_chunks(g, C).cumsum(-2)
    own, last = G.exp(), G[..., -1:, :]
    P, L = channel_products([Q, K * b.unsqueeze(-1)], K, G)
    return delta_chunks(P, L.tril(-1), Q * own, K * (last - G).exp(), last.exp().mT, V, K * own, b, T)
