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
    if job.device == "cuda":
        torch.cuda.set_device(job.device_index)


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
    return peer.Work(call, publish, sync=torch.cuda.synchronize,
                     peak=lambda: torch.cuda.max_memory_allocated() - base,
                     timer=lambda: device_timer(call, job.cold))


HOLD_CYCLES = 200_000  # of the device's clock, about 0.1 ms: longer than two launches take the host


def captured(call):
    """The call as a CUDA graph, or None where it cannot be one (it waits, or asks for sizes)."""
    try:
        graph = torch.cuda.CUDAGraph()
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            call()  # allocations that stay, and what libraries make at first use
        torch.cuda.current_stream().wait_stream(side)
        with torch.cuda.graph(graph):
            call()
        return graph
    except Exception:  # whatever the library under it raises
        torch.cuda.synchronize()
        return None


def device_timer(call, cold):
    """As labench times its own kernels: events around one launch of a graph, behind a write of a
    buffer as large as the L2 cache, so that neither a framework's launches nor a warm cache are
    in a time. What cannot be captured is launched as it is, and its launches may be in its time."""
    start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    cache = torch.cuda.get_device_properties(torch.cuda.current_device()).L2_cache_size
    rubbish = torch.empty(cache, dtype=torch.uint8, device="cuda") if cold else None
    graph = captured(call)
    peer.phase("measure as a graph" if graph else "measure launch by launch")

    def timed():
        if rubbish is not None:
            rubbish.zero_()
        torch.cuda._sleep(HOLD_CYCLES)
        start.record()
        if graph:
            graph.replay()
        else:
            call()
        stop.record()
        stop.synchronize()
        return start.elapsed_time(stop) * 1e6

    return timed
