# SPDX-License-Identifier: Apache-2.0
"""PyTorch as a peer of labench: its own attention function and other variants in plain torch.

What is compared, and on what terms
  - Threads are the cell's (torch.set_num_threads), denormals are flushed as in labench, TF32 is off.
  - Tensors come as labench keeps them, [B,T,H,d]. torch's function wants [B,H,T,d]: it is given a
    transposed view, so no copy is made for it, nor is one left out that a model would have to make.
  - fwd runs under inference_mode: no graph is recorded. fwdbwd is forward with a graph and
    autograd.grad for every input; bwd is that last call alone, again and again on one graph.
  - Results go to the shared file after the timing. Copies to and from a GPU are never timed.
  - A causal mask of the naive softmax is made once, before the timing and the memory figures.
  - Nothing is compiled by torch.compile: this is what torch does as it is called.
  - Peak memory on the CPU is of the process (torch keeps no account there), on a GPU of torch's
    allocator. Results are torch's own new tensors, and so part of the peak.
On CUDA a call is timed by events around one launch of a CUDA graph (torch_pass.device_timer), as labench's own
kernels are: eager launches are not part of it. The CUDA impls have not been run on a GPU yet.
"""
import contextlib
import math
import warnings

import labench_peer as peer

torch = peer.require("torch")
import torch_forms as forms  # noqa: E402  (after torch is known to be there)
from torch_pass import prepare, work  # noqa: E402

# The switches of torch's function, by the form that leaves only one of them on.
SWITCHES = {"math": "enable_math_sdp", "flash": "enable_flash_sdp",
            "efficient": "enable_mem_efficient_sdp", "cudnn": "enable_cudnn_sdp"}
VARIANT_OF = {"math": "softmax", "flash": "flash", "efficient": "flash", "cudnn": "flash"}


# What runs here ----------------------------------------------------------------------------------

def only(form):
    """Leaves one backend of scaled_dot_product_attention. The process is the cell's own, so the
    switch stays; a context manager would be entered in every call."""
    for name, switch in SWITCHES.items():
        set_it = getattr(torch.backends.cuda, switch, None)
        if set_it:
            set_it(name == form)
        elif name == form:
            raise peer.Unsupported(f"torch {torch.__version__} has no {form} backend")


def why_no_sdpa():
    if not hasattr(torch.nn.functional, "scaled_dot_product_attention"):
        return f"torch {torch.__version__} has no scaled_dot_product_attention; 2.0 and later have"
    return None


def refusal(function, q, k, v):
    """None where the one backend that is switched on takes these tensors, else why not: torch says
    that in warnings, and then fails with a sentence that says nothing."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            with torch.inference_mode():
                function(q, k, v)
            return None
        except RuntimeError as why:
            texts = [str(w.message).split(" (Triggered")[0] for w in said] or [str(why)]
            return texts[-1].strip().splitlines()[0]


def try_backend(form, device):
    """None where the backend computes a small example on `device`, else why not."""
    dtype = torch.float32 if device == "cpu" else torch.float16
    q = torch.zeros(1, 8, 1, 16, dtype=dtype, device=device)
    try:
        only(form)
    except peer.Unsupported as why:
        return str(why)
    return refusal(lambda q, k, v: forms.sdpa(q, k, v, True, {}), q, q, q)


@peer.probe
def version():
    unusable = {}
    cuda = torch.cuda.is_available()
    missing = why_no_sdpa()
    no_cuda = None if cuda else f"torch {torch.__version__} sees no CUDA device"
    for form in ("naive", "chunk", "fft"):
        unusable[f"torch_{form}_cuda"] = no_cuda
    for form in SWITCHES:
        if form in ("math", "flash"):
            unusable[f"torch_{form}"] = missing or try_backend(form, "cpu")
        unusable[f"torch_{form}_cuda"] = no_cuda or missing or try_backend(form, "cuda")
    for form in SWITCHES:
        with contextlib.suppress(peer.Unsupported):
            only(form)
    return f"torch {torch.__version__}", {name: why for name, why in unusable.items() if why}


# The impls ---------------------------------------------------------------------------------------

@peer.impl("torch_naive")
@peer.impl("torch_naive_cuda")
def naive(job, tensors):
    prepare(job)
    hidden = None
    if job.causal:
        hidden = torch.ones(job.T, job.T, dtype=torch.bool, device=job.device).triu(1)
    return work(job, tensors, lambda q, k, v: forms.naive_softmax(q, k, v, job.scale, hidden))


def sdpa_options(job):
    """Arguments that newer versions have. The scale of older ones is 1/sqrt(dk) and cannot be set."""
    extra = {}
    release = tuple(int(n) for n in torch.__version__.split(".")[:2])
    if release >= (2, 1):
        extra["scale"] = job.scale
    elif not math.isclose(job.scale, 1 / math.sqrt(job.dk)):
        raise peer.Unsupported(f"torch {torch.__version__} has only the scale 1/sqrt(dk)")
    if job.Hkv != job.H:
        if release < (2, 5):
            raise peer.Unsupported(f"torch {torch.__version__} has no grouped heads (enable_gqa); "
                                   "2.5 and later have")
        extra["enable_gqa"] = True
    return extra


def sdpa(job, tensors):
    prepare(job)
    missing = why_no_sdpa()
    if missing:
        raise peer.Unsupported(missing)
    form = job.impl.split("_")[1]
    only(form)
    extra = sdpa_options(job)

    def function(q, k, v):
        return forms.sdpa(q, k, v, job.causal, extra)

    # A few tokens of the same shape: a backend that will not have it says so here.
    why = refusal(function, *(tensors[n].torch()[:, :8].to(job.device) for n in "qkv"))
    if why:
        raise peer.Unsupported(f"the {form} backend of torch declines: {why}")
    return work(job, tensors, function)


for _form, _variant in VARIANT_OF.items():
    for _device in ("", "_cuda"):
        peer.impl(f"torch_{_form}{_device}", _variant)(sdpa)


def chunk(variant):
    """Registers the chunk form of a variant; the decorated function gives its form for a job."""
    def register(form_of):
        def make(job, tensors):
            prepare(job)
            return work(job, tensors, form_of(job))
        peer.impl("torch_chunk", variant)(make)
        peer.impl("torch_chunk_cuda", variant)(make)
        return form_of
    return register


@chunk("linear")
def linear(job):
    feature, eps = job.options.get("map", "elu"), float(job.options.get("eps", 1e-6))
    return lambda q, k, v: forms.linear(q, k, v, feature, eps, job.causal)


@chunk("retnet")
def retnet(job):
    gamma = [math.log1p(-2.0 ** (-5 - h)) for h in range(job.H)]
    g = torch.tensor(gamma, device=job.device).expand(job.B, job.T, job.H)
    return lambda q, k, v: forms.additive(q * job.scale, k, v, g)


@chunk("mamba2")
def mamba2(job):  # dt sits where beta does
    return lambda q, k, v, beta, g: forms.additive(q * job.scale, k, v * beta.unsqueeze(-1), g)


@chunk("gla")
def gla(job):
    return lambda q, k, v, g: forms.gla(q * job.scale, k, v, g)


@chunk("deltanet")
def deltanet(job):
    return lambda q, k, v, beta: forms.delta(q * job.scale, k, v, beta)


@chunk("gated_deltanet")
def gated_deltanet(job):
    return lambda q, k, v, beta, g: forms.delta(q * job.scale, k, v, beta, g)


@chunk("kda")
def kda(job):
    return lambda q, k, v, beta, g: forms.kda(q * job.scale, k, v, beta, g)


@peer.impl("torch_fft", "fnet")
@peer.impl("torch_fft_cuda", "fnet")
def fft(job, tensors):
    prepare(job)
    norm = "ortho" if job.options.get("norm") == "ortho" else None
    return work(job, tensors, lambda x: forms.fourier(x, norm))


if __name__ == "__main__":
    peer.main()
