/* SPDX-License-Identifier: Apache-2.0
 * linear - attention whose similarity is an inner product of features: a sum that can be carried along.
 *
 *   S_t = S_{t-1} + phi(k_t) v_t',   z_t = z_{t-1} + phi(k_t)          S in R^{m x dv}, z in R^m
 *   o_t = S_t' phi(q_t) / (phi(q_t).z_t + eps)
 * Katharopoulos, Vyas, Pappas, Fleuret 2020, "Transformers are RNNs: fast autoregressive transformers
 * with linear attention", arXiv:2006.16236, equations 9 to 12. Bidirectional: S, z over all tokens.
 *
 * Shapes   q,k [B,T,H,dk]   v,o [B,T,H,dv]   S [B,H,m,dv]   z [B,H,m]
 * Options  map        the features phi(x), and how many they are:
 *             elu       elu(x) + 1; m = dk
 *             identity  x; m = dk
 *             relu      max(x, 0); m = dk
 *             taylor2   the series of exp(q.k / sqrt(dk)) to second order: with y = x dk^{-1/4},
 *                       [1, y, y_a^2 / sqrt(2), y_a y_b for a < b]; m = 1 + dk + dk (dk + 1) / 2.
 *                       Arora et al. 2024 ("Based"), arXiv:2402.18668
 *             dpfp      r = [max(x, 0), max(-x, 0)], phi = r * roll(r, i) for i = 1 .. nu; m = 2 dk nu.
 *                       Schlag, Irie, Schmidhuber 2021, arXiv:2102.11174, section 5.3
 *             hedgehog  [softmax(W x), softmax(-W x)], W [H,dk,dk] learned, the identity at start;
 *                       m = 2 dk. Zhang et al. 2024, arXiv:2402.04347
 *          nu         of dpfp
 *          normalize  0 leaves the denominator (and z) out; with map=identity that is the additive
 *                     recurrence of the recurrent family, and o carries its scale s. Else s is not used
 *          eps        added to the denominator
 * Forms    recurrent: O(m dv) a token; it is the decode step too
 *          chunk: products of tiles inside 64 tokens, S across; exact, not approximate. Its backward
 *          recomputes inside chunks from the S, z before them, which forward saves. On CUDA devices all
 *          chunks at once, with the running sums of their states between (kernel_cuda.h)
 * Numerics the denominator of elu, taylor2 (at least 1/2 for each token) and hedgehog is a sum of positive
 *          terms. With relu and dpfp it is 0 where no key shares a direction with the query; then o is 0,
 *          thanks to eps. With identity it has no sign: near 0 the quotient is large and hangs on the
 *          last bits of q and k, in float32 and float64 alike; that is the definition, not an error,
 *          and conformance leaves such tokens out. A sweep compares what it samples as it comes: long
 *          cells with identity and a denominator may be called wrong for one such token.
 */
#include <math.h>

#include "kernel_attention.h"
#include "labench/kit.h"
#include "linear_internal.h"

static const char *const map_names[] = {"elu",  "identity", "relu", "taylor2",
                                        "dpfp", "hedgehog", NULL};

static const la_option options[] = {
    {.name = "map",
     .type = LA_OPTION_CHOICE,
     .offset = offsetof(la_linear_options, map),
     .def = LA_LINEAR_ELU,
     .choices = map_names,
     .help =
         "feature map: elu(x)+1, x, max(x,0), exp's series, products of signs, learned softmax"},
    {.name = "nu",
     .type = LA_OPTION_INT,
     .offset = offsetof(la_linear_options, nu),
     .def = 3,
     .min = 1,
     .max = 16,
     .help = "rolled products of map=dpfp"},
    {.name = "normalize",
     .type = LA_OPTION_BOOL,
     .offset = offsetof(la_linear_options, normalize),
     .def = 1,
     .help = "divide by the sum of the weights"},
    {.name = "eps",
     .type = LA_OPTION_REAL,
     .offset = offsetof(la_linear_options, eps),
     .def = 1e-6,
     .min = 0,
     .max = 1,
     .help = "added to the sum of the weights"},
};

double la_linear_read_scale(const la_problem *p, const void *opts)
{
    const la_linear_options *o = opts;
    return o->map == LA_LINEAR_IDENTITY && !o->normalize ? la_scale(p) : 1.0;
}

static size_t params(const la_problem *p, const void *opts, la_param *out, size_t cap)
{
    if (((const la_linear_options *)opts)->map != LA_LINEAR_HEDGEHOG) return 0;
    if (cap < 1) return 1;
    out[0] = (la_param){.name = "W",
                        .shape = {p->H, p->dk, p->dk},
                        .rank = 3,
                        .init = LA_INIT_IDENTITY,
                        .init_scale = 1.0,
                        .trainable = 1};
    return 1;
}

static la_linear_rows rows_of(const la_ka *ka, const float *const *in, int64_t head, int64_t n,
                              const float *x, int64_t ldx, float *scratch)
{
    int64_t dk = ka->p.dk;
    return (la_linear_rows){.tile = ka->tile,
                            .n = n,
                            .dk = dk,
                            .nu = ka->argument,
                            .ldx = ldx,
                            .ldm = ka->ldm,
                            .x = x,
                            .W = ka->dparam ? in[0] + head * dk * dk : NULL,
                            .scratch = scratch};
}

static void features(const la_ka *ka, const float *const *in, const float *shared, int64_t head,
                     int64_t n, const float *x, int64_t ldx, float *phi, float *shift,
                     float *scratch)
{
    (void)shared, (void)shift;
    const la_linear_map *map = ka->map;
    la_linear_rows r = rows_of(ka, in, head, n, x, ldx, scratch);
    map->apply(&r, phi);
}

static void pull(const la_ka *ka, const float *const *in, int64_t head, int64_t n, const float *x,
                 int64_t ldx, bool key, const float *phi, float *dphi, float *dx, float *dparam,
                 float *scratch)
{
    (void)key;
    const la_linear_map *map = ka->map;
    la_linear_rows r = rows_of(ka, in, head, n, x, ldx, scratch);
    map->pull(&r, phi, dphi, dx, dparam ? dparam + head * ka->p.dk * ka->p.dk : NULL);
}

static la_ka member(const la_problem *p, const void *opts, bool recurrent, la_isa isa)
{
    const la_linear_options *o = opts;
    la_ka ka = {.p = *p,
                .m = la_linear_width(p, opts),
                .normalize = o->normalize,
                .recurrent = recurrent,
                .eps = (float)o->eps,
                .read_scale = (float)la_linear_read_scale(p, opts),
                .features = features,
                .pull = pull,
                .dparam = o->map == LA_LINEAR_HEDGEHOG ? p->H * p->dk * p->dk : 0,
                .map = la_linear_map_of(opts, isa),
                .argument = o->nu};
    la_ka_init(&ka, isa);
    return ka;
}

static size_t state_parts(const la_problem *p, const void *opts, la_part *out, size_t cap)
{
    la_ka ka = member(p, opts, false, LA_ISA_GENERIC);
    return la_ka_parts(&ka, out, cap);
}

/* A token adds m dv products to S and reads m dv: 4 m dv; two products with W where it is learned. q, k, v,
 * o, W move once; a decode step reads and writes the state. */
static la_status useful(const la_problem *p, la_pass pass, const void *opts, la_cost *cost,
                        la_err *err)
{
    (void)err;
    double heads = (double)p->B * (double)p->H, T = pass == LA_DECODE ? 1 : (double)p->T;
    bool learned = ((const la_linear_options *)opts)->map == LA_LINEAR_HEDGEHOG;
    double m = (double)la_linear_width(p, opts), dk = (double)p->dk, dv = (double)p->dv;
    double factor = pass == LA_BACKWARD ? 2 : pass == LA_FWDBWD ? 3 : 1;
    double element = (double)la_dtype_size(p->dtype);
    *cost = (la_cost){.flops = factor * 4 * heads * T * m * dv,
                      .bytes = factor * element * heads * T * 2 * (dk + dv),
                      .version = 1};
    if (learned) {
        cost->flops += factor * 4 * heads * T * dk * dk;
        cost->bytes += sizeof(float) * (double)p->H * dk * dk;
    }
    if (pass == LA_DECODE) cost->bytes += 2 * sizeof(float) * heads * m * (dv + 1);
    return LA_OK;
}

#if LA_HAVE_CUDA
static void on_cuda(const la_problem *p, const void *opts, la_kc *c)
{
    static const la_kc_map maps[] = {
        [LA_LINEAR_ELU] = LA_KC_ELU,   [LA_LINEAR_IDENTITY] = LA_KC_IDENTITY,
        [LA_LINEAR_RELU] = LA_KC_RELU, [LA_LINEAR_TAYLOR2] = LA_KC_TAYLOR2,
        [LA_LINEAR_DPFP] = LA_KC_DPFP, [LA_LINEAR_HEDGEHOG] = LA_KC_HEDGEHOG};
    const la_linear_options *o = opts;
    c->map = maps[o->map];
    c->m = la_linear_width(p, opts);
    c->rows = o->map == LA_LINEAR_HEDGEHOG ? p->dk : 0;
    c->normalize = o->normalize;
    c->eps = (float)o->eps;
    c->read_scale = (float)la_linear_read_scale(p, opts);
    c->s = (float)pow((double)p->dk, -0.25); /* of taylor2 */
}
#endif

LA_KA_FORMS("linear", member, LA_CAP_STATE_GRAD, on_cuda)

LA_VARIANT(linear) = {
    LA_VARIANT_HEAD,
    .name = "linear",
    .family = LA_FAMILY_KERNEL,
    .paper = "arXiv:2006.16236",
    .summary = "running sums over feature maps, elu(x)+1 by default",
    .cost_words = "O(T d^2) time, O(d^2) memory",
    .inputs = LA_IN_QKV,
    .reference = &la_linear_reference,
    .options = options,
    .options_len = LA_COUNT(options),
    .options_size = sizeof(la_linear_options),
    .params = params,
    .state_parts = state_parts,
    .useful = useful,
    .impls = forms,
    .impls_len = LA_COUNT(forms),
};
