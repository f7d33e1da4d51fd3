/* SPDX-License-Identifier: Apache-2.0
 * performer - softmax attention by random features (FAVOR+).
 *
 *   exp(s q.k) = E_w[phi_w(q) phi_w(k)],   y = sqrt(s) x,  w ~ N(0, I)
 *   o_t = S_t' phi(q_t) / phi(q_t).z_t
 * Choromanski et al. 2020, "Rethinking attention with Performers", arXiv:2009.14794, lemma 1 and
 * section 2.4; S and z are the running sums of linear attention over these features.
 *
 * Shapes   q,k [B,T,H,dk]   v,o [B,T,H,dv]   W [M,dk], shared by heads   S [B,H,m,dv]   z,c [B,H,m]
 * Options  kernel     the features, and how many:
 *             positive    M^-1/2 exp(w_i.y - |y|^2/2); m = M
 *             hyperbolic  (2M)^-1/2 e^{-|y|^2/2} [e^{W y}, e^{-W y}]; m = 2 M, less noise than positive
 *             trig        M^-1/2 e^{|y|^2/2} [sin W y, cos W y]; m = 2 M, signed
 *             relu        M^-1/2 (max(W y, 0) + 1e-3); m = M. Another kernel than softmax's: rectified
 *                         projections (the paper's generalised attention)
 *          features   M; 0 is max(1, round(dk ln dk))
 *          iid        0: rows of W in blocks of dk orthogonal directions, norms ~ chi(dk); 1: Gaussian
 *          redraw     seed of W
 * Forms    recurrent: O(m dv) a token; it is the decode step too
 *          chunk: products of tiles inside 64 tokens, S across. Its backward recomputes inside chunks
 *          from the S, z, c before them, which forward saves; W has a gradient, too
 * Numerics exponents reach +-50 for inputs of standard deviation 3, too much for a sum in float32. So
 *          rows of the state are kept relative to exp(c_i), c_i the largest exponent of feature i so
 *          far, and each query takes the largest combined exponent out; both cancel in the quotient
 *          (see kernel_attention.h). 1/sqrt(M) and what only the query's |y|^2/2 does cancel, too.
 *          trig and relu have no c. The estimate of trig may be negative, and its sum over keys near 0:
 *          then the quotient is large and hangs on the last bits of q and k, in float64 as in float32.
 *          That is what positive features cure, and not an error here; conformance leaves such tokens
 *          out, while a sweep compares what it samples as it comes and may call a long cell wrong for
 *          one of them. Keys' features of trig are kept times exp(-40), so that |y|^2/2 of a key may
 *          be 115; beyond, they are infinite.
 */
#include "labench/kit.h"
#include "performer_internal.h"

static const char *const kernel_names[] = {"positive", "hyperbolic", "trig", "relu", NULL};

static const la_option options[] = {
    {.name = "kernel",
     .type = LA_OPTION_CHOICE,
     .offset = offsetof(la_performer_options, kernel),
     .def = LA_PERFORMER_POSITIVE,
     .choices = kernel_names,
     .help = "features: exp(w.y), exp(+-w.y), sines and cosines, max(w.y,0)"},
    {.name = "features",
     .type = LA_OPTION_INT,
     .offset = offsetof(la_performer_options, features),
     .def = 0,
     .min = 0,
     .max = 1 << 16,
     .help = "rows M of W; 0: round(dk ln dk)"},
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

static size_t params(const la_problem *p, const void *opts, la_param *out, size_t cap)
{
    const la_performer_options *o = opts;
    if (cap < 1) return 1;
    out[0] = (la_param){.name = "W",
                        .shape = {la_performer_rows(p, opts), p->dk},
                        .rank = 2,
                        .init = o->iid ? LA_INIT_NORMAL : LA_INIT_ORTHOGONAL,
                        .init_scale = 1.0,
                        .seed = (uint64_t)o->redraw};
    return 1;
}

static size_t state_parts(const la_problem *p, const void *opts, la_part *out, size_t cap)
{
    la_ka ka = la_performer_member(p, opts, false, LA_ISA_GENERIC);
    return la_ka_parts(&ka, out, cap);
}

/* A token makes 2 M projections (2 dk each), adds m dv products to S and reads m dv. q, k, v, o move
 * once; a decode step reads and writes the state. */
static la_status useful(const la_problem *p, la_pass pass, const void *opts, la_cost *cost,
                        la_err *err)
{
    (void)err;
    la_part parts[3];
    double heads = (double)p->B * (double)p->H, T = pass == LA_DECODE ? 1 : (double)p->T;
    double M = (double)la_performer_rows(p, opts), m = (double)la_performer_features(p, opts);
    double dk = (double)p->dk, dv = (double)p->dv, element = (double)la_dtype_size(p->dtype);
    double factor = pass == LA_BACKWARD ? 2 : pass == LA_FWDBWD ? 3 : 1;
    *cost =
        (la_cost){.flops = factor * 4 * heads * T * (M * dk + m * dv),
                  .bytes = factor * element * heads * T * 2 * (dk + dv) + sizeof(float) * M * dk,
                  .version = 1};
    double vectors = (double)state_parts(p, opts, parts, 3) - 1; /* z, and c where there is one */
    if (pass == LA_DECODE) cost->bytes += 2 * sizeof(float) * heads * m * (dv + vectors);
    return LA_OK;
}

#if LA_HAVE_CUDA
static void on_cuda(const la_problem *p, const void *opts, la_kc *c)
{
    static const la_kc_map maps[] = {[LA_PERFORMER_POSITIVE] = LA_KC_POSITIVE,
                                     [LA_PERFORMER_HYPERBOLIC] = LA_KC_HYPERBOLIC,
                                     [LA_PERFORMER_TRIG] = LA_KC_TRIG,
                                     [LA_PERFORMER_RELU] = LA_KC_RECTIFIED};
    c->map = maps[((const la_performer_options *)opts)->kernel];
    c->m = la_performer_features(p, opts);
    c->rows = la_performer_rows(p, opts);
    c->stabilised = c->map == LA_KC_POSITIVE || c->map == LA_KC_HYPERBOLIC;
    c->normalize = true;
    c->read_scale = 1.0f;
    c->s = (float)la_scale(p);
    c->trig_shift = (float)LA_PERFORMER_TRIG_SHIFT;
    c->floor = (float)LA_PERFORMER_RELU_FLOOR;
}
#endif

LA_KA_FORMS("performer", la_performer_member, 0, on_cuda)

LA_VARIANT(performer) = {
    LA_VARIANT_HEAD,
    .name = "performer",
    .family = LA_FAMILY_KERNEL,
    .paper = "arXiv:2009.14794",
    .summary = "softmax attention by random features, positive ones by default",
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
