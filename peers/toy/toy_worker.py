import math, labench_peer as peer

@peer.impl("toy_loops")
def make(job, x):
    q, k, v, o = (x[name].view for name in "qkvo")  # flat float32, row (b T + t) H + h
    H, T, dk, dv = job.H, job.T, job.dk, job.dv
    def call():
        for i in range(job.B * T * H):
            seen = range(i - i // H % T * H, i + 1, H)  # the same head, up to this token
            w = [math.exp(job.scale * sum(q[i * dk + c] * k[s * dk + c] for c in range(dk)))
                 for s in seen]
            for j in range(dv):
                o[i * dv + j] = sum(a * v[s * dv + j] for a, s in zip(w, seen)) / sum(w)
    return call

peer.main()
