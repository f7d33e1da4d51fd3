# SPDX-License-Identifier: Apache-2.0
"""ggml on the CPU as a peer of labench, through the Python package that builds it (ggml-python).

Each cell is a graph of one operation (and, where the operation wants decays and not their logarithms,
one exp before it), made once and computed in every call: ggml's own way of use. Tensors are not
copied: ggml is given the addresses of labench's [B,T,H,d], which is its own order read backwards, and
for attention a permuted view of them. Forward only: ggml has no backward of these operations.

What differs from labench
  - All the recurrent operations go token by token; ggml has no chunk form on the CPU.
  - Their state is square, so dk must be dv, and the state after the last token is always written.
  - A causal mask is a matrix of T x T 16-bit floats that ggml reads; it is made before the timing.
  - Decays that are no input of ours (none in linear, one rate a head in retnet) are a tensor of ggml's
    like any other, filled before the timing.
  - ssm_scan ties a token's decay to its step size, by a rate of the head and a softplus. Ours are
    independent: they are brought to that form before the timing (see ssm).
  - Threads are the cell's, in a pool that stays (or OpenMP's, where the build has it).
"""
import ctypes
import math
import mmap

import labench_peer as peer

ggml = peer.require("ggml")
numpy = peer.require("numpy")
OPERATIONS = {"ggml_flash": "ggml_flash_attn_ext", "ggml_gla": "ggml_gated_linear_attn",
              "ggml_ssm": "ggml_ssm_scan",
              "ggml_delta": "ggml_gated_delta_net", "ggml_wkv7": "ggml_rwkv_wkv7"}
alive = []  # graphs: what ggml points to lives as long as the process
MINUS_INFINITY_F16 = b"\x00\xfc"


def build():
    """Version and commit of the library, as far as it can say them."""
    said = [f"ggml-python {ggml.__version__}"]
    for name in ("ggml_version", "ggml_commit"):
        try:
            said.append(getattr(ggml, name)().decode())
        except Exception:  # older builds have neither
            break
    return " ".join(said)


@peer.probe
def version():
    return build(), {name: f"this build of ggml has no {operation}"
                     for name, operation in OPERATIONS.items() if not hasattr(ggml, operation)}


def memory(size):
    """(object to keep, address) of `size` bytes, zero and present, aligned to a page."""
    block = mmap.mmap(-1, max(size, 1), mmap.MAP_PRIVATE | getattr(mmap, "MAP_POPULATE", 0x8000))
    return block, ctypes.addressof(ctypes.c_char.from_buffer(block))


class Graph:
    """A ggml context whose tensors all lie in memory that is not its own."""

    def __init__(self, threads):
        ggml.ggml_cpu_init()  # tables that conversions from 16-bit floats read
        self.threads = threads
        self.kept = []
        size = 64 * ggml.ggml_tensor_overhead() + ggml.ggml_graph_overhead()
        self.ctx = ggml.ggml_init(ggml.ggml_init_params(mem_size=size, mem_buffer=None,
                                                        no_alloc=True))

    def tensor(self, sizes, address=None, kind=None):
        """sizes: fastest axis first, as ggml counts; without an address, zeros of our own."""
        t = ggml.ggml_new_tensor(self.ctx, ggml.GGML_TYPE_F32 if kind is None else kind, len(sizes),
                                 (ctypes.c_int64 * len(sizes))(*sizes))
        return self.place(t, address)

    def place(self, t, address=None):
        if address is None:
            block, address = memory(ggml.ggml_nbytes(t))
            self.kept.append(block)
        t.contents.data = address
        return t

    def view(self, tensor, *sizes):
        """A tensor of the job's, at its own place."""
        address = ctypes.addressof(ctypes.c_char.from_buffer(tensor.view))
        return self.tensor(sizes or tuple(reversed(tensor.shape)), address)

    def transposed(self, tensor):
        """[B,T,H,d] as [d,T,H,B] without a copy."""
        t = self.view(tensor)
        moved = ggml.ggml_permute(self.ctx, t, 0, 2, 1, 3)
        moved.contents.data = t.contents.data
        return moved

    def exp(self, t):
        return self.place(ggml.ggml_exp(self.ctx, t))

    def ready(self, result, address=None):
        """A function that computes `result`; it lies at `address`, or in memory of our own."""
        self.place(result, address)
        graph = ggml.ggml_new_graph(self.ctx)
        ggml.ggml_build_forward_expand(graph, result)
        pool = ggml.ggml_threadpool_new(ctypes.byref(
            ggml.ggml_threadpool_params_default(self.threads)))
        plan = ggml.ggml_graph_plan(graph, self.threads, pool)
        if plan.work_size:
            block, where = memory(plan.work_size)
            self.kept.append(block)
            plan.work_data = ctypes.cast(where, type(plan.work_data))
        plan_at = ctypes.byref(plan)
        alive.append(self)

        def call():
            if ggml.ggml_graph_compute(graph, plan_at) != 0:
                raise RuntimeError("ggml_graph_compute failed")
        return call


def address_of(tensor):
    return ctypes.addressof(ctypes.c_char.from_buffer(tensor.view))


def array_of(t, *shape, kind="float32"):
    """A tensor of ours as an array, slowest axis first."""
    count = math.prod(shape)
    memory = (ctypes.c_uint32 * count).from_address(t.contents.data)
    return numpy.frombuffer(memory, dtype=kind, count=count).reshape(shape)


def only_forward(job):
    if job.pass_ != "fwd":
        raise peer.Unsupported("ggml has no backward of this operation")


def square(job, scale):
    """What the recurrent operations ask for."""
    only_forward(job)
    if job.dk != job.dv:
        raise peer.Unsupported(f"ggml's state is square: dk {job.dk} must be dv {job.dv}")
    if job.Hqk != job.H:
        raise peer.Unsupported("ggml lays grouped heads out in another order")
    if scale is not None and not math.isclose(job.scale, scale, rel_tol=1e-6):
        raise peer.Unsupported(f"ggml's scale is {scale:g} here, and the cell's {job.scale:g}")


def packed(graph, result, job, tensors):
    """The outputs come first and the last state behind them: computed apart, the outputs copied."""
    call = graph.ready(result)
    out = tensors["o"]

    def publish():
        ctypes.memmove(address_of(out), result.contents.data, out.bytes)
    return call, publish


@peer.impl("ggml_flash", "flash")
def flash(job, tensors):
    only_forward(job)
    graph = Graph(job.threads)
    q, k, v = (graph.transposed(tensors[n]) for n in "qkv")
    mask = None
    if job.causal:
        rows = -(-job.T // 64) * 64  # some versions want the rows padded
        mask = graph.tensor((job.T, rows), kind=ggml.GGML_TYPE_F16)
        block = graph.kept[-1]
        for i in range(job.T):
            block[2 * (i * job.T + i + 1):2 * (i + 1) * job.T] = MINUS_INFINITY_F16 * (job.T - i - 1)
    result = ggml.ggml_flash_attn_ext(graph.ctx, q, k, v, mask, job.scale, 0.0, 0.0)
    return graph.ready(result, address_of(tensors["o"]))


def gated_linear(job, tensors, graph, decay):
    """decay: a tensor of q's sizes."""
    q, k, v = (graph.view(tensors[n], job.dk, job.H, job.B * job.T) for n in "qkv")
    state = graph.tensor((job.dk * job.dk * job.H, job.B))
    result = ggml.ggml_gated_linear_attn(graph.ctx, k, v, q, decay, state, job.scale)
    return packed(graph, result, job, tensors)


@peer.impl("ggml_gla", "gla")
def gla(job, tensors):
    square(job, None)
    graph = Graph(job.threads)
    g = graph.view(tensors["g"], job.dk, job.H, job.B * job.T)
    return gated_linear(job, tensors, graph, graph.exp(g))


@peer.impl("ggml_gla", "retnet", "linear")
def fixed_decay(job, tensors):
    """A decay of the head that no input says: 1 - 2^(-5-h) in retnet, 1 in linear."""
    square(job, None)
    if job.variant == "linear" and (job.options.get("map"), str(job.options.get("normalize"))) != \
            ("identity", "0"):
        raise peer.Unsupported("ggml has features and denominators of linear attention only as the "
                               "identity and 1: --set linear.map=identity --set linear.normalize=0")
    graph = Graph(job.threads)
    decay = graph.tensor((job.dk, job.H, job.B * job.T))
    values = array_of(decay, job.B * job.T, job.H, job.dk)
    for h in range(job.H):
        values[:, h] = 1 - 2.0 ** (-5 - h) if job.variant == "retnet" else 1
    return gated_linear(job, tensors, graph, decay)


@peer.impl("ggml_ssm", "mamba2")
def ssm(job, tensors):
    """ssm_scan computes S <- exp(A s) S + s k x' with s = softplus(its dt). With A = -1 and s = -g the
    decay is ours; x = v dt / s makes the write ours. s is what softplus in float32 gives."""
    only_forward(job)
    graph = Graph(job.threads)
    g, dt, v = (tensors[n].numpy() for n in ("g", "beta", "v"))
    if not (g < 0).all():
        raise peer.Unsupported("ggml's step sizes are above 0, and so are its log-decays below it")
    step = graph.tensor((job.H, job.T, job.B))
    before = array_of(step, *g.shape)
    before[...] = -g + numpy.log(-numpy.expm1(g.astype("float64")))
    s = numpy.where(before > 20, before, numpy.log(1 + numpy.exp(before)))
    x = graph.tensor((job.dv, job.H, job.T, job.B))
    array_of(x, *v.shape)[...] = v * (job.scale * dt / s)[..., None]
    rate = graph.tensor((1, job.H))
    array_of(rate, job.H)[...] = -1
    ids = graph.tensor((job.B,), kind=ggml.GGML_TYPE_I32)
    array_of(ids, job.B, kind="int32")[...] = range(job.B)
    state = graph.tensor((job.dk, job.dv, job.H, job.B))
    q, k = (graph.view(tensors[n]) for n in "qk")
    result = ggml.ggml_ssm_scan(graph.ctx, state, x, step, rate, k, q, ids)
    return packed(graph, result, job, tensors)


@peer.impl("ggml_wkv7", "rwkv7")
def wkv7(job, tensors):
    square(job, 1.0)
    if job.dk % 64:  # it goes by blocks of vectors, 64 floats with AVX-512, and leaves out the rest
        raise peer.Unsupported(f"ggml's rwkv_wkv7 wants heads of a multiple of 64, not {job.dk}")
    graph, tokens = Graph(job.threads), job.B * job.T
    r, k, v, g, a, b = (graph.view(tensors[n], job.dk, job.H, tokens) for n in "qkvgab")
    state = graph.tensor((job.dk * job.dk * job.H, job.B))
    result = ggml.ggml_rwkv_wkv7(graph.ctx, r, graph.exp(g), k, v, a, b, state)
    return packed(graph, result, job, tensors)


@peer.impl("ggml_delta", "deltanet", "gated_deltanet", "kda")
def delta(job, tensors):
    """One operation for three variants: a decay of a head, of a channel, or none (log-decay 0)."""
    square(job, 1 / math.sqrt(job.dk))
    graph = Graph(job.threads)
    q, k, v = (graph.view(tensors[n]) for n in "qkv")
    beta = graph.view(tensors["beta"], 1, job.H, job.T, job.B)
    g_sizes = (job.dk if job.variant == "kda" else 1, job.H, job.T, job.B)
    g = graph.view(tensors["g"], *g_sizes) if "g" in tensors else graph.tensor(g_sizes)
    state = graph.tensor((job.dk, job.dk, job.H, job.B))
    result = ggml.ggml_gated_delta_net(graph.ctx, q, k, v, g, beta, state, 1)
    return packed(graph, result, job, tensors)


if __name__ == "__main__":
    peer.main()
