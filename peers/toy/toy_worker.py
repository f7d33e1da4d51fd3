import labench_peer as peer
from math import exp

@peer.impl("toy_loops")
def make(job, tensors):
    q, k, v, o = (tensors[name].view for name in ("q", "k", "v", "o"))  # flat, float32
    H, dk, dv = job.H, job.dk, job.dv
    def call():
        for b, t, h in ((b, t, h) for b in range(job.B) for t in range(job.T) for h in range(H)):
            seen = [((b * job.T + s) * H + h) for s in range(t + 1 if job.causal else job.T)]
            at = (b * job.T + t) * H + h
            z = [job.scale * sum(q[at * dk + i] * k[s * dk + i] for i in range(dk)) for s in seen]
            m = max(z)
            w = [exp(x - m) for x in z]
            for j in range(dv):
                o[at * dv + j] = sum(a * v[s * dv + j] for a, s in zip(w, seen)) / sum(w)
    return call

peer.main()
