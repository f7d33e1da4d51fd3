/* SPDX-License-Identifier: Apache-2.0
 * linear - attention whose similarity is an inner product of features: a sum that can be carried along.
 *
 *   S_t = S_{t-1} + phi(k_t) v_t',   z_t = z_{t-1} + phi(k_t)          S in R^{m x dv}, z in R^m
 *   o_t = S_t' phi(q_t) / (phi(q_t).z_t + eps)
 * Katharopoulos, Vyas, Pappas, Fleuret 2020, "Transformers are RNNs: fast autoregressive transformers
 * with linear attention", arXiv:2006.16236, equations 9 to 12. Bidirectional: S, z over all tokens.
 *
 * Shapes   q,k [B,T,H,dk]   v,o [B,T,H,dv]   S [B,H,m,dv]   z [B,H,m]
 * Options  map        elu: phi = elu(x) + 1, m = dk; identity: phi = x, m = dk
 *          normalize  0 leaves the denominator (and z) out; with map=identity that is the additive
 *                     recurrence of the recurrent family, and o carries its scale s. Else s is not used
 *          eps        added to the denominator
 * Forms    recurrent: O(m dv) a token; it is the decode step too
 *          chunk: products of tiles inside 64 tokens, S across; exact, not approximate. Its backward
 *          recomputes inside chunks from the S, z before them, which forward saves
 * Numerics with map=identity the denominator may be near zero and the quotient large: that is the
 *          definition, not an error.
 */
#include "kernel_attention.h"
#include "labench/kit.h"
#include "linear_internal.h"

static const char *const map_names[] = {"elu", "identity", NULL};

static const la_option options[] = {
    {.name = "map",
     .type = LA_OPTION_CHOICE,
     .offset = offsetof(la_linear_options, map),
     .def = LA_LINEAR_ELU,
     .choices = map_names,
     .help = "feature map: elu is elu(x)+1, identity is x"},
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

static void features(const la_ka *ka, const float *const *params, const float *shared, int64_t head,
                     int64_t n, const float *x, int64_t ldx, float *phi, float *shift,
                     float *scratch)
{
    (void)params, (void)shared, (void)head, (void)shift, (void)scratch;
    const la_linear_map *map = ka->map;
    map->apply(ka->tile->isa, n, ka->p.dk, x, ldx, phi, ka->ldm);
}

static void pull(const la_ka *ka, const float *const *params, int64_t n, const float *x,
                 int64_t ldx, bool key, const float *phi, float *dphi, float *dx, float *dparam,
                 float *scratch)
{
    (void)params, (void)key, (void)dparam, (void)scratch;
    const la_linear_map *map = ka->map;
    if (dx) map->pull(ka->tile->isa, n, ka->p.dk, x, ldx, phi, dphi, ka->ldm, dx, ldx);
}

static la_ka member(const la_problem *p, const void *opts, bool recurrent, la_isa isa)
{
    const la_linear_options *o = opts;
    const la_linear_map *map = la_linear_map_of(opts);
    la_ka ka = {.p = *p,
                .m = map->width(p->dk),
                .normalize = o->normalize,
                .recurrent = recurrent,
                .eps = (float)o->eps,
                .read_scale = (float)la_linear_read_scale(p, opts),
                .features = features,
                .pull = pull,
                .map = map};
    la_ka_init(&ka, isa);
    return ka;
}

static size_t state_parts(const la_problem *p, const void *opts, la_part *out, size_t cap)
{
    la_ka ka = member(p, opts, false, LA_ISA_GENERIC);
    return la_ka_parts(&ka, out, cap);
}

/* A token adds m dv products to S and reads m dv: 4 m dv. q, k, v, o move once; a decode step reads
 * and writes the state. */
static la_status useful(const la_problem *p, la_pass pass, const void *opts, la_cost *cost,
                        la_err *err)
{
    (void)err;
    double heads = (double)p->B * (double)p->H, T = pass == LA_DECODE ? 1 : (double)p->T;
    double m = (double)la_linear_map_of(opts)->width(p->dk), dv = (double)p->dv;
    double factor = pass == LA_BACKWARD ? 2 : pass == LA_FWDBWD ? 3 : 1;
    double element = (double)la_dtype_size(p->dtype);
    *cost = (la_cost){.flops = factor * 4 * heads * T * m * dv,
                      .bytes = factor * element * heads * T * 2 * ((double)p->dk + dv),
                      .version = 1};
    if (pass == LA_DECODE) cost->bytes += 2 * sizeof(float) * heads * m * (dv + 1);
    return LA_OK;
}

LA_KA_FORMS("linear", member, LA_CAP_STATE_GRAD)

LA_VARIANT(linear) = {
    LA_VARIANT_HEAD,
    .name = "linear",
    .family = LA_FAMILY_KERNEL,
    .paper = "arXiv:2006.16236",
    .summary = "running sums over elu features",
    .cost_words = "O(T d^2) time, O(d^2) memory",
    .inputs = LA_IN_QKV,
    .reference = &la_linear_reference,
    .options = options,
    .options_len = LA_COUNT(options),
    .options_size = sizeof(la_linear_options),
    .state_parts = state_parts,
    .useful = useful,
    .impls = forms,
    .impls_len = LA_COUNT(forms),
};
