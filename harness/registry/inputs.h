/* SPDX-License-Identifier: Apache-2.0
 * The inputs of a problem, drawn from a seed as the variant's input bits say (rulings: q, k, v normal;
 * unit-norm keys for delta members; beta = sigmoid(normal); g = -exp(normal(-2,1)); ...).
 * Any element of any tensor depends on (seed, tensor, index) alone. In bf16 and f16, q, k, v and x are those of
 * float32 rounded to nearest even, and the reference sees the rounded values.
 */
#ifndef LA_INPUTS_H
#define LA_INPUTS_H

#include "alloc.h"
#include "labench/variant.h"

typedef enum la_tensor {
    LA_T_Q,
    LA_T_K,
    LA_T_V,
    LA_T_X,
    LA_T_BETA,
    LA_T_G,
    LA_T_A,
    LA_T_B,
    LA_T_COUNT
} la_tensor;
extern const char *const la_tensor_names[LA_T_COUNT]; /* "q", "k", ... */

typedef struct la_inputs {
    la_problem problem;
    la_buffer t[LA_T_COUNT]; /* empty when the variant does not use it */
    la_param params[LA_MAX_PARAMS];
    size_t n_params;
    la_buffer param[LA_MAX_PARAMS];
    const float *param_ptr[LA_MAX_PARAMS];
} la_inputs;

typedef enum la_input_kind {
    LA_INPUTS_DEFAULT,
    LA_INPUTS_STRONG_DECAY, /* g = -50 on some tokens, 0 on others */
    LA_INPUTS_NO_DECAY,     /* g = 0 */
    LA_INPUTS_BETA_EDGES,   /* beta 0, 1 and 2, duplicate keys */
    LA_INPUTS_BIG_LOGITS,   /* q.k up to +-1e4 */
    LA_INPUTS_WIDE,         /* standard deviation 3 */
    LA_INPUTS_KINDS
} la_input_kind;
const char *la_input_kind_name(la_input_kind kind);
/* Whether this kind is a question to ask of the variant: decays where it has gates, and so on. */
bool la_input_kind_applies(const la_variant *variant, la_input_kind kind);

/* Shape [rank <= 4] of a tensor for this variant and problem; rank 0: not used. */
int la_tensor_shape(const la_variant *variant, const la_problem *p, la_tensor which,
                    int64_t shape[4]);
int64_t la_tensor_elements(const la_variant *variant, const la_problem *p, la_tensor which);
/* q, k, v, x have the problem's type; gates, beta, a, b are float32. So have their gradients. */
la_dtype la_tensor_dtype(const la_problem *p, int which);
/* Bytes of all inputs and parameters. */
size_t la_inputs_bytes(const la_variant *variant, const la_problem *p, const void *opts);
/* Allocates without filling (tasks and apply fill themselves); parameters are allocated too. */
la_status la_inputs_alloc(const la_variant *variant, const la_problem *p, const void *opts,
                          la_inputs *out, la_err *err);
la_status la_inputs_draw(const la_variant *variant, const la_problem *p, const void *opts,
                         la_input_kind kind, uint64_t seed, la_inputs *out, la_err *err);
la_status la_inputs_draw_params(la_inputs *in, uint64_t seed, la_err *err);
/* Moves parameters that start constant: ones and zeros would hide from a test what they multiply. */
void la_inputs_vary_constants(la_inputs *in, uint64_t seed);
void la_inputs_release(la_inputs *in);
/* XXH3-64 over all bytes: an impl that writes its inputs is found out. */
uint64_t la_inputs_hash(const la_inputs *in);

#endif
