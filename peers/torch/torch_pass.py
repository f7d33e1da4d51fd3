# SPDX-License-Identifier: Apache-2.0
"""The passes of a cell for a function of torch tensors, o = form(q, k, v, ...): what the peers torch
and fla share. Gradients are autograd's."""
import labench_peer as peer
import torch

INPUTS = ("q", "k", "v", "x", "beta", "g", "a", "b")


def prepare(job):
    torch.set_num_threads(job.threads)
    torch.set_flush_denormal(True)
    torch.backends.cuda.matmul.allow_tf32 = False
    if job.device == "cuda" and not torch.cuda.is_available():
        raise peer.Unsupported(f"torch {torch.__version__} sees no CUDA device")


def outputs_to(tensors, results):
    """Copies results {name: tensor} to where labench reads them; a variant of few inputs may leave
    some outputs out."""
    with torch.no_grad():
        for name, result in results.items():
            if name in tensors:
                out = tensors[name].torch()
                out.copy_(torch.zeros_like(out) if result is None else result.reshape(out.shape))


def work(job, tensors, form):
    """The pass of the job for form(**inputs) -> o."""
    names = [n for n in INPUTS if n in tensors]
    inputs = {n: tensors[n].torch().to(job.device) for n in names}
    found = {}

    def forward():
        with torch.inference_mode():
            found["o"] = form(**inputs)

    def gradients(o, again):
        grads = torch.autograd.grad(o, leaves, do, retain_graph=again, allow_unused=True)
        found.update(zip(("d" + n for n in names), grads))

    def both():
        found.clear()  # the last call's results are not needed while this one makes its own
        o = form(**inputs)
        gradients(o, False)
        found["o"] = o.detach()

    call = forward
    if job.backward:
        for x in inputs.values():
            x.requires_grad_(True)
        leaves = list(inputs.values())
        do = tensors["do"].torch().to(job.device)
        call = both
    elif job.pass_ != "fwd":
        raise peer.Unsupported(f"this peer has no pass {job.pass_}")
    if job.pass_ == "bwd":
        kept = form(**inputs)
        found["o"] = kept.detach()

        def call():
            gradients(kept, True)

    def publish():
        outputs_to(tensors, found)

    return on_device(job, call, publish)


def on_device(job, call, publish):
    if job.device == "cpu":
        return peer.Work(call, publish)
    base = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    rubbish = torch.empty(256 << 20, dtype=torch.uint8, device="cuda") if job.cold else None

    def flush():
        rubbish.zero_()
        torch.cuda.synchronize()

    return peer.Work(call, publish, sync=torch.cuda.synchronize,
                     flush=flush if job.cold else None,
                     peak=lambda: torch.cuda.max_memory_allocated() - base)
