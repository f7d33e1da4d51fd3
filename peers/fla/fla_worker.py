# SPDX-License-Identifier: Apache-2.0
"""flash-linear-attention (fla) on CUDA as a peer of labench: its chunk and fused recurrent kernels.

Its tensors are labench's, [B,T,H,d]; log-decays, beta and scale mean the same. Passes, threads and
copies are as in peers/torch. Triton compiles and tunes a kernel when it is first called: one whole
call is made before the timing, so that the compiler's time is nobody's.

  - Chunk kernels multiply on tensor cores and want bf16 or f16; the recurrent ones take f32 too.
  - Mamba-2 is fla's simple_gla with dt times v for v, the product being part of the call.
  - The recurrent forms of the gated delta rule and of KDA have no backward.
Written against fla 0.6.0. None of this has been run on a GPU yet.
"""
import os
import sys

import labench_peer as peer

torch = peer.require("torch")
peer.require("fla")
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "torch"))
from torch_pass import prepare, work  # noqa: E402  (after torch is known to be there)


def operations():
    """{(variant, form): (module below fla.ops, function)}."""
    found = {}
    for variant, module, name in (("retnet", "retention", "retention"), ("gla", "gla", "gla"),
                                  ("mamba2", "simple_gla", "simple_gla"),
                                  ("deltanet", "delta_rule", "delta_rule"),
                                  ("gated_deltanet", "gated_delta_rule", "gated_delta_rule"),
                                  ("kda", "kda", "kda"), ("rwkv7", "rwkv7", "rwkv7")):
        found[variant, "chunk"] = module, f"chunk_{name}"
        found[variant, "recurrent"] = module, f"fused_recurrent_{name}"
    return found


NO_BACKWARD = {("gated_deltanet", "recurrent"), ("kda", "recurrent")}


@peer.probe
def version():
    import fla
    if not torch.cuda.is_available():
        raise peer.Unsupported(f"fla needs a CUDA device, and torch {torch.__version__} sees none")
    return f"fla {fla.__version__}, torch {torch.__version__}"


def arguments(variant, scale, q, k, v, beta=None, g=None, a=None, b=None):
    """A cell's inputs under the names of fla's arguments."""
    named = {"q": q, "k": k, "v": v, "scale": scale}
    if variant == "rwkv7":
        return {"r": q, "w": g, "k": k, "v": v, "a": a, "b": b, "scale": scale}
    if variant == "mamba2":  # dt sits where beta does
        named.update(v=v * beta.unsqueeze(-1).to(v.dtype), g=g)
    elif g is not None:
        named["g"] = g
    if beta is not None and variant != "mamba2":
        named["beta"] = beta
    return named


def form_of(variant, form, scale, function):
    """function(**arguments) as o = f(q, k, v, ...)."""
    def call(**inputs):
        named = arguments(variant, scale, **inputs)
        if (variant, form) == ("gla", "recurrent"):
            named["gk"] = named.pop("g")
        return function(**named)[0]
    return call


def make(job, tensors):
    prepare(job)
    form = job.impl.split("_")[1]
    if job.backward and (job.variant, form) in NO_BACKWARD:
        raise peer.Unsupported(f"fla's {form} form of {job.variant} has no backward")
    if form == "chunk" and job.dtype == "f32":
        raise peer.Unsupported("fla's chunk kernels want bf16 or f16")
    module, name = operations()[job.variant, form]
    function = getattr(peer.require(f"fla.ops.{module}"), name)
    made = work(job, tensors, form_of(job.variant, form, job.scale, function))
    peer.phase("compile")
    made.call()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    return made


for _variant, _form in operations():
    peer.impl(f"fla_{_form}", _variant)(make)

if __name__ == "__main__":
    peer.main()
