/* SPDX-License-Identifier: Apache-2.0
 * performer - softmax attention by random features that are never negative (FAVOR+).
 *
 *   exp(s q.k) = E_w[exp(w.y_q - |y_q|^2/2) exp(w.y_k - |y_k|^2/2)],   y = sqrt(s) x,  w ~ N(0, I)
 *   phi(x)_i = exp(w_i.y - |y|^2/2)/sqrt(M),  i < M;   o_t = S_t' phi(q_t) / phi(q_t).z_t
 * Choromanski et al. 2020, "Rethinking attention with Performers", arXiv:2009.14794, lemma 1 and
 * section 2.4; S and z are the running sums of linear attention over these features.
 *
 * Shapes   q,k [B,T,H,dk]   v,o [B,T,H,dv]   W [M,dk], shared by heads   S [B,H,M,dv]   z,c [B,H,M]
 * Options  features   M; 0 is max(1, round(dk ln dk))
 *          iid        0: rows of W in blocks of dk orthogonal directions, norms ~ chi(dk); 1: Gaussian
 *          redraw     seed of W
 * Forms    recurrent: O(M dv) a token; it is the decode step too
 *          chunk: products of tiles inside 64 tokens, S across. Its backward recomputes inside chunks
 *          from the S, z, c before them, which forward saves; W has a gradient, too
 * Numerics exponents reach +-50 for inputs of standard deviation 3, too much for a sum in float32. So
 *          rows of the state are kept relative to exp(c_i), c_i the largest exponent of feature i so
 *          far, and each query takes the largest combined exponent out; both cancel in the quotient
 *          (see kernel_attention.h). 1/sqrt(M) and the query's |y|^2/2 cancel, too.
 */
#include <math.h>

#include "kernel_attention.h"
#include "labench/kit.h"
#include "performer_internal.h"

static const la_option options[] = {
    {.name = "features",
     .type = LA_OPTION_INT,
     .offset = offsetof(la_performer_options, features),
     .def = 0,
     .min = 0,
     .max = 1 << 16,
     .help = "random features M; 0: round(dk ln dk)"},
    {.name = "iid",
     .type = LA_OPTION_BOOL,
     .offset = offsetof(la_performer_options, iid),
     .def = 0,
     .help = "independent Gaussian rows of W instead of orthogonal blocks"},
    {.name = "redraw",
     .type = LA_OPTION_INT,
     .offset = offsetof(la_performer_options, redraw),
     .def = 0,
     .min = 0,
     .max = 1e15,
     .help = "seed of W: another number, other features"},
};

int64_t la_performer_features(const la_problem *p, const void *opts)
{
    const la_performer_options *o = opts;
    if (o->features > 0) return o->features;
    int64_t M = (int64_t)round((double)p->dk * log((double)p->dk));
    return M > 1 ? M : 1;
}

static size_t params(const la_problem *p, const void *opts, la_param *out, size_t cap)
{
    const la_performer_options *o = opts;
    if (cap < 1) return 1;
    out[0] = (la_param){.name = "W",
                        .shape = {la_performer_features(p, opts), p->dk},
                        .rank = 2,
                        .init = o->iid ? LA_INIT_NORMAL : LA_INIT_ORTHOGONAL,
                        .init_scale = 1.0,
                        .seed = (uint64_t)o->redraw};
    return 1;
}

/* Exponents w_i.y; what is to be subtracted, |y|^2/2, goes to shift. */
static void features(const la_ka *ka, const float *const *in, const float *shared, int64_t head,
                     int64_t n, const float *x, int64_t ldx, float *phi, float *shift,
                     float *scratch)
{
    (void)head;
    int64_t dk = ka->p.dk;
    float s = (float)la_scale(&ka->p), root = sqrtf(s);
    if (shared)
        ka->tile->nn(n, ka->m, dk, root, x, ldx, shared, ka->ldm, false, phi, ka->ldm, scratch);
    else
        ka->tile->mv(ka->m, dk, root, in[0], dk, x, false, phi);
    for (int64_t i = 0; shift && i < n; i++)
        shift[i] = 0.5f * s * ka->tile->dot(dk, x + i * ldx, x + i * ldx);
}

/* de = phi dphi, since phi = exp(e). With y = sqrt(s) x: dy = W' de, for keys less y sum de (a query's
 * shift cancels, and its de sum to 0); dW += de y'. */
static void pull(const la_ka *ka, const float *const *in, int64_t head, int64_t n, const float *x,
                 int64_t ldx, bool key, const float *phi, float *dphi, float *dx, float *dparam,
                 float *scratch)
{
    (void)head;
    const la_tile *tile = ka->tile;
    int64_t dk = ka->p.dk, m = ka->m, ldm = ka->ldm;
    float s = (float)la_scale(&ka->p), root = sqrtf(s);
    for (int64_t i = 0; i < n; i++) tile->mul(m, phi + i * ldm, dphi + i * ldm, dphi + i * ldm);
    if (dparam) tile->tn(m, dk, n, root, dphi, ldm, x, ldx, true, dparam, dk, scratch);
    if (!dx) return;
    tile->nn(n, dk, m, root, dphi, ldm, in[0], dk, false, dx, ldx, scratch);
    for (int64_t i = 0; key && i < n; i++)
        tile->axpy(dk, -s * tile->sum(m, dphi + i * ldm), x + i * ldx, dx + i * ldx);
}

/* W' [dk, ldm]: rows of features, so that products read it in place. */
static void transpose_w(const la_ka *ka, const float *const *in, float *shared)
{
    ka->tile->transpose(ka->m, ka->p.dk, in[0], ka->p.dk, shared, ka->ldm);
}

static la_ka member(const la_problem *p, const void *opts, bool recurrent, la_isa isa)
{
    la_ka ka = {.p = *p,
                .m = la_performer_features(p, opts),
                .stabilised = true,
                .normalize = true,
                .recurrent = recurrent,
                .read_scale = 1.0f,
                .features = features,
                .pull = pull,
                .dparam = la_performer_features(p, opts) * p->dk,
                .prepare = transpose_w};
    ka.shared = (ka.m + 15) / 16 * 16 * p->dk;
    la_ka_init(&ka, isa);
    return ka;
}
static size_t state_parts(const la_problem *p, const void *opts, la_part *out, size_t cap)
{
    la_ka ka = member(p, opts, false, LA_ISA_GENERIC);
    return la_ka_parts(&ka, out, cap);
}

/* A token makes 2 M exponents (2 dk each), adds M dv products to S and reads M dv. q, k, v, o move
 * once; a decode step reads and writes the state. */
static la_status useful(const la_problem *p, la_pass pass, const void *opts, la_cost *cost,
                        la_err *err)
{
    (void)err;
    double heads = (double)p->B * (double)p->H, T = pass == LA_DECODE ? 1 : (double)p->T;
    double M = (double)la_performer_features(p, opts), dk = (double)p->dk, dv = (double)p->dv;
    double factor = pass == LA_BACKWARD ? 2 : pass == LA_FWDBWD ? 3 : 1;
    double element = (double)la_dtype_size(p->dtype);
    *cost =
        (la_cost){.flops = factor * 4 * heads * T * M * (dk + dv),
                  .bytes = factor * element * heads * T * 2 * (dk + dv) + sizeof(float) * M * dk,
                  .version = 1};
    if (pass == LA_DECODE) cost->bytes += 2 * sizeof(float) * heads * M * (dv + 2);
    return LA_OK;
}

LA_KA_FORMS("performer", member, 0)

LA_VARIANT(performer) = {
    LA_VARIANT_HEAD,
    .name = "performer",
    .family = LA_FAMILY_KERNEL,
    .paper = "arXiv:2009.14794",
    .summary = "softmax attention by positive random features",
    .cost_words = "O(T M d) time, O(M d) memory, M = d ln d",
    .inputs = LA_IN_QKV | LA_IN_LOGITS,
    .reference = &la_performer_reference,
    .options = options,
    .options_len = LA_COUNT(options),
    .options_size = sizeof(la_performer_options),
    .params = params,
    .state_parts = state_parts,
    .useful = useful,
    .impls = forms,
    .impls_len = LA_COUNT(forms),
};
