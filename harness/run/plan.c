/* SPDX-License-Identifier: Apache-2.0
 * From a spec to cells: the product of the axes, in the order variant, options, shape, mask, pass.
 */
#include "plan_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "alloc.h"
#include "registry.h"
#include "text.h"

void la_plan_release(la_plan *plan)
{
    if (!plan) return;
    for (size_t i = 0; i < plan->n; i++) la_cell_release(&plan->cells[i]);
    la_free(plan->cells);
    *plan = (la_plan){0};
}

static la_status parse_word(const char *axis, const char *word, int *out, la_err *err)
{
    la_status st = LA_OK;
    if (strcmp(axis, "pass") == 0) {
        la_pass pass = LA_FORWARD;
        st = la_pass_parse(word, &pass, err);
        if (st == LA_OK && (pass == LA_TRAIN || pass == LA_EVAL))
            return LA_FAIL(err, LA_E_ARG, "'%s' is the pass of a task; write --tasks", word);
        *out = (int)pass;
    } else if (strcmp(axis, "dtype") == 0) {
        la_dtype dtype = LA_F32;
        st = la_dtype_parse(word, &dtype, err);
        *out = (int)dtype;
    } else if (strcmp(word, "auto") == 0) {
        *out = LA_PLAN_AUTO;
    } else {
        la_mask mask = LA_MASK_CAUSAL;
        st = la_mask_parse(word, &mask, err);
        *out = (int)mask;
    }
    return st;
}

static la_status parse_axis(const char *axis, const la_words *words, const char *const *defaults,
                            size_t n_defaults, int out[LA_PLAN_WORDS], size_t *n, la_err *err)
{
    size_t count = words->n ? words->n : n_defaults;
    *n = 0;
    if (words->n == 1 && strcmp(axis, "pass") == 0 && strcmp(words->v[0], "none") == 0)
        return LA_OK;
    for (size_t i = 0; i < count; i++) {
        const char *word = words->n ? words->v[i] : defaults[i];
        int value = 0;
        LA_TRY(parse_word(axis, word, &value, err));
        for (size_t j = 0; j < *n; j++)
            if (out[j] == value) return LA_FAIL(err, LA_E_ARG, "--%s names '%s' twice", axis, word);
        LA_ASSERT(*n < LA_PLAN_WORDS);
        out[(*n)++] = value;
    }
    return LA_OK;
}

/* The probe, plain associative recall, and what separates the delta rule from additive memories; a
 * quick sweep leaves the last out. */
static const char *const default_tasks[] = {"recall", "mqar", "overwrite"};
enum { QUICK_TASKS = 2 };

/* "none" alone: no task. */
static la_status parse_tasks(la_axes *x, la_err *err)
{
    const la_words *words = &x->spec->tasks;
    size_t n_default = x->spec->quick ? QUICK_TASKS : LA_COUNT(default_tasks);
    if (x->spec->difficulty && words->n == 0) {
        for (size_t i = 0; i < la_tasks_count() && x->n_tasks < LA_PLAN_TASKS; i++)
            if (la_plan_has_steps(la_tasks_at(i))) x->tasks[x->n_tasks++] = la_tasks_at(i);
        return LA_OK;
    }
    for (size_t i = 0; words->n == 0 && i < n_default; i++) {
        const la_task *task = la_tasks_find(default_tasks[i]);
        if (task) x->tasks[x->n_tasks++] = task;
    }
    for (size_t i = 0; i < words->n; i++) {
        const char *word = words->v[i];
        if (strcmp(word, "none") == 0 && words->n == 1) return LA_OK;
        const la_task *task = la_tasks_find(word);
        const char *near = la_tasks_nearest(word);
        if (!task && near)
            return LA_FAIL(err, LA_E_ARG,
                           "no task '%.40s'. Nearest: %s. 'labench list tasks' shows all.", word,
                           near);
        if (!task)
            return LA_FAIL(err, LA_E_ARG, "no task '%.40s'. 'labench list tasks' shows all%s.",
                           word, strcmp(word, "none") ? "" : "; 'none' stands alone");
        for (size_t j = 0; j < x->n_tasks; j++)
            if (x->tasks[j] == task)
                return LA_FAIL(err, LA_E_ARG, "--tasks names '%s' twice", word);
        if (x->n_tasks == LA_PLAN_TASKS)
            return LA_FAIL(err, LA_E_ARG, "--tasks has more than %d tasks", LA_PLAN_TASKS);
        x->tasks[x->n_tasks++] = task;
    }
    return LA_OK;
}

static bool chosen(const la_axes *x, const char *owner)
{
    for (size_t i = 0; i < x->n_variants; i++)
        if (strcmp(x->variants[i]->name, owner) == 0) return true;
    for (size_t i = 0; i < x->n_tasks; i++)
        if (strcmp(x->tasks[i]->name, owner) == 0) return true;
    return false;
}

/* Who has options, and which. */
typedef struct options_owner {
    const la_option *table;
    size_t len, bytes;
    bool found;
} options_owner;

static options_owner find_owner(const char *name)
{
    const la_variant *v = la_registry_find(name);
    const la_task *t = la_tasks_find(name);
    if (strcmp(name, "model") == 0)
        return (options_owner){la_model_option_table, la_model_options_len, sizeof(la_model_opts),
                               true};
    if (strcmp(name, "train") == 0)
        return (options_owner){la_train_option_table, la_train_options_len, sizeof(la_train_opts),
                               true};
    /* `copy` is both, and only the task has options. */
    if (v && (v->options_len > 0 || !t))
        return (options_owner){v->options, v->options_len, v->options_size, true};
    if (t) return (options_owner){t->options, t->options_len, t->options_size, true};
    return (options_owner){0};
}

static la_status is_part(const la_axes *x, const la_setting *s, la_err *err)
{
    if (strcmp(s->owner, "model") == 0 || strcmp(s->owner, "train") == 0) {
        if (la_plan_learns(x)) return LA_OK;
        return LA_FAIL(err, LA_E_ARG, "%s.%.40s is for learned tasks, and this sweep has none",
                       s->owner, s->key);
    }
    if (chosen(x, s->owner)) return LA_OK;
    return LA_FAIL(err, LA_E_ARG, "--set %s.%.40s: %s is not part of this sweep", s->owner, s->key,
                   s->owner);
}

/* Owners exist and are part of the sweep, no option is set twice, every value is legal. */
static la_status check_setting(const la_axes *x, size_t i, la_err *err)
{
    const la_setting *s = &x->spec->settings[i];
    options_owner of = find_owner(s->owner);
    if (!of.found) {
        const char *near = la_registry_nearest(s->owner);
        if (!near) near = la_tasks_nearest(s->owner);
        return LA_FAIL(err, LA_E_ARG, "--set %.40s.%.40s: no variant or task '%.40s'%s%s", s->owner,
                       s->key, s->owner, near ? ". Nearest: " : "", near ? near : "");
    }
    LA_TRY(is_part(x, s, err));
    for (size_t j = 0; j < i; j++)
        if (strcmp(x->spec->settings[j].owner, s->owner) == 0 &&
            strcmp(x->spec->settings[j].key, s->key) == 0)
            return LA_FAIL(err, LA_E_ARG,
                           "--set %s.%s is given twice; write its values as one list", s->owner,
                           s->key);
    void *opts = la_zalloc(of.bytes + 1, err);
    if (!opts) return LA_E_NOMEM;
    la_status st = LA_OK;
    for (size_t j = 0; j < s->values.n && st == LA_OK; j++) {
        st = la_options_set(of.table, of.len, opts, s->owner, s->key, s->values.v[j], err);
        for (size_t k = 0; k < j && st == LA_OK; k++)
            if (strcmp(s->values.v[k], s->values.v[j]) == 0)
                st = LA_FAIL(err, LA_E_ARG, "--set %s.%s names '%s' twice", s->owner, s->key,
                             s->values.v[j]);
    }
    la_free(opts);
    return st;
}

const la_setting *la_plan_setting(const la_spec *spec, const char *owner, const char *key)
{
    for (size_t i = 0; i < spec->n_settings; i++)
        if (!strcmp(spec->settings[i].owner, owner) && !strcmp(spec->settings[i].key, key))
            return &spec->settings[i];
    return NULL;
}

/* Learning rates are chosen from, not multiplied over. */
static size_t choices(const la_setting *s)
{
    return strcmp(s->owner, "train") == 0 && strcmp(s->key, "lr") == 0 ? 1 : s->values.n;
}

size_t la_plan_combinations(const la_spec *spec, const char *owner)
{
    size_t n = 1;
    for (size_t i = 0; i < spec->n_settings; i++)
        if (strcmp(spec->settings[i].owner, owner) == 0) n *= choices(&spec->settings[i]);
    return n;
}

la_status la_plan_options(const la_spec *spec, const char *owner, const la_option *table,
                          size_t len, size_t bytes, size_t which, void **opts, la_err *err)
{
    *opts = NULL;
    if (len == 0) return LA_OK;
    *opts = la_zalloc(bytes, err);
    if (!*opts) return LA_E_NOMEM;
    la_options_default(table, len, *opts);
    for (size_t i = spec->n_settings; i-- > 0;) {
        const la_setting *s = &spec->settings[i];
        if (strcmp(s->owner, owner) != 0) continue;
        const char *value = s->values.v[which % choices(s)];
        LA_TRY(la_options_set(table, len, *opts, owner, s->key, value, err));
        which /= choices(s);
    }
    return LA_OK;
}

bool la_plan_named(const la_spec *spec, const la_impl *impl)
{
    for (size_t i = 0; i < spec->impls.n; i++) {
        const char *word = spec->impls.v[i];
        if (!strcmp(word, "all") || !strcmp(word, impl->name) || !strcmp(word, la_impl_form(impl)))
            return true;
    }
    return false;
}

/* Whether a word of --impls is an impl or a form of ours, or one of a peer. */
static bool find_impl(la_axes *x, const char *word)
{
    bool ours = false, theirs = false;
    for (size_t i = 0; i < x->n_variants; i++) {
        const la_variant *v = x->variants[i];
        for (size_t j = 0; j < v->impls_len; j++)
            ours |= !strcmp(word, v->impls[j].name) || !strcmp(word, la_impl_form(&v->impls[j]));
        for (size_t k = 0; k < x->n_peers; k++)
            for (size_t j = 0; j < x->peers[k]->n_impls; j++) {
                const la_peer_impl *impl = &x->peers[k]->impls[j];
                theirs |= impl->variant == v &&
                          (!strcmp(word, impl->name) || !strcmp(word, la_impl_form(&impl->impl)));
            }
    }
    x->names_ours |= ours;
    x->names_peers |= theirs;
    return ours || theirs;
}

/* Every word of --impls is an impl or a form of some variant of the sweep. */
static la_status check_impls(la_axes *x, la_err *err)
{
    for (size_t w = 0; w < x->spec->impls.n; w++) {
        const char *word = x->spec->impls.v[w];
        bool found = strcmp(word, "all") == 0;
        if (found && x->spec->impls.n > 1)
            return LA_FAIL(err, LA_E_ARG, "--impls all names every impl already");
        if (found)
            x->names_ours = x->names_peers = true;
        else
            found = find_impl(x, word);
        if (!found)
            return LA_FAIL(err, LA_E_ARG,
                           "--impls '%.40s': no variant of this sweep has it. 'labench list "
                           "variants --long' shows all.",
                           word);
    }
    return LA_OK;
}

/* Takes `proto` (its options are copied) as one more cell. */
la_status la_plan_add(la_axes *x, const la_cell *proto, la_err *err)
{
    la_plan *plan = x->plan;
    LA_TRY(la_grow((void **)&plan->cells, &plan->cap, plan->n + 1, sizeof *plan->cells, err));
    la_cell *cell = &plan->cells[plan->n];
    *cell = *proto;
    cell->opts = cell->task_opts = NULL;
    cell->learn = NULL;
    plan->n++; /* from here on la_plan_release frees it */
    if (proto->learn) {
        cell->learn = la_alloc(sizeof *cell->learn, err);
        if (!cell->learn) return LA_E_NOMEM;
        *cell->learn = *proto->learn;
        cell->learn->model_json = cell->learn->train_json = NULL;
    }
    if (proto->opts) {
        size_t bytes = cell->variant->options_size;
        cell->opts = la_alloc(bytes, err);
        if (!cell->opts) return LA_E_NOMEM;
        memcpy(cell->opts, proto->opts, bytes);
    }
    if (proto->task_opts) {
        size_t bytes = cell->task->options_size;
        cell->task_opts = la_alloc(bytes, err);
        if (!cell->task_opts) return LA_E_NOMEM;
        memcpy(cell->task_opts, proto->task_opts, bytes);
    }
    return la_cell_finish(cell, x->device, err);
}

void la_plan_drop_last(la_plan *plan)
{
    la_cell_release(&plan->cells[--plan->n]);
}

/* The impls that may be asked, the preferred first. */
static size_t candidates(const la_axes *x, const la_variant *v, const la_impl **out, size_t cap,
                         la_err *why)
{
    int ranks[LA_PLAN_IMPLS];
    size_t n = 0;
    for (size_t i = 0; i < v->impls_len && n < cap; i++) {
        int rank = v->impls[i].rank(x->device, why);
        if (rank <= 0 || (x->names_ours && !la_plan_named(x->spec, &v->impls[i]))) continue;
        size_t at = n++;
        for (; at > 0 && ranks[at - 1] < rank; at--)
            ranks[at] = ranks[at - 1], out[at] = out[at - 1];
        ranks[at] = rank;
        out[at] = &v->impls[i];
    }
    return n;
}

/* Who says why nothing takes a cell: one that was named and is for such a device, if there is one. */
static const la_impl *refuser(const la_axes *x, const la_variant *v)
{
    for (size_t i = 0; x->names_ours && i < v->impls_len; i++)
        if (v->impls[i].backend == x->device->backend && la_plan_named(x->spec, &v->impls[i]))
            return &v->impls[i];
    return &v->impls[0];
}

/* The best impl that takes this cell, or every one of those named that does. What nothing takes
 * becomes one refused cell of the preferred impl. */
static la_status add_impls(la_axes *x, la_cell *proto, la_err *err)
{
    const la_variant *v = proto->variant;
    const la_impl *list[LA_PLAN_IMPLS];
    la_err why = {0};
    if (x->names_peers && !x->names_ours) return LA_OK; /* impls of peers alone are asked for */
    size_t n = candidates(x, v, list, LA_PLAN_IMPLS, &why), added = 0;
    for (size_t i = 0; i < n; i++) {
        proto->impl = list[i];
        LA_TRY(la_plan_add(x, proto, err));
        if (x->plan->cells[x->plan->n - 1].refused)
            la_plan_drop_last(x->plan);
        else if (++added && !x->names_ours)
            return LA_OK;
    }
    if (added) return LA_OK;
    proto->impl = n ? list[0] : refuser(x, v);
    LA_TRY(la_plan_add(x, proto, err));
    la_cell *cell = &x->plan->cells[x->plan->n - 1];
    if (cell->refused) return LA_OK;
    cell->refused = true;
    cell->outcome = LA_OUTCOME_UNSUPPORTED;
    snprintf(cell->reason, sizeof cell->reason, "%s has no impl of the names asked for on %s",
             v->name, x->device->backend == LA_CUDA ? "a CUDA device" : "the CPU");
    return LA_OK;
}

static la_status add_passes(la_axes *x, la_cell *proto, la_err *err)
{
    for (size_t i = 0; i < x->n_passes; i++) {
        proto->pass = (la_pass)x->passes[i];
        proto->problem.T = proto->pass == LA_DECODE ? 1 : proto->seqlen;
        LA_TRY(add_impls(x, proto, err));
        LA_TRY(la_plan_add_peers(x, proto, err));
    }
    return LA_OK;
}

/* Rounds are for what differs from process to process: times. A probe that scores answers makes the examples
 * that its interval needs in one, unless rounds are asked for. */
static int probe_rounds(const la_axes *x, const la_task *task)
{
    return x->spec->rounds || task->probe_samples ? x->plan->rounds : 1;
}

static la_status add_probes(la_axes *x, la_cell *proto, la_err *err)
{
    int timed = proto->rounds;
    proto->pass = LA_EVAL;
    proto->problem.T = proto->seqlen;
    la_status st = LA_OK;
    for (size_t i = 0; i < x->n_tasks && st == LA_OK; i++) {
        const la_task *t = proto->task = x->tasks[i];
        if (t->kind == LA_TASK_LEARNED) continue;
        proto->rounds = probe_rounds(x, t);
        for (size_t c = 0; c < la_plan_combinations(x->spec, t->name) && st == LA_OK; c++) {
            st = la_plan_options(x->spec, t->name, t->options, t->options_len, t->options_size, c,
                                 &proto->task_opts, err);
            if (st == LA_OK) st = add_impls(x, proto, err);
            la_free(proto->task_opts);
        }
    }
    proto->task = NULL;
    proto->task_opts = NULL;
    proto->rounds = timed;
    return st;
}

la_mask la_plan_mask(const la_variant *v, int asked)
{
    uint32_t caps = 0;
    if (asked != LA_PLAN_AUTO) return (la_mask)asked;
    for (size_t i = 0; i < v->impls_len; i++) caps |= v->impls[i].caps;
    return caps & LA_CAP_CAUSAL ? LA_MASK_CAUSAL : LA_MASK_BIDIRECTIONAL;
}

/* `auto` and the mask it stands for make the same cells: they stay once. */
bool la_plan_masked_before(const la_axes *x, const la_variant *v, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (la_plan_mask(v, x->masks[i]) == la_plan_mask(v, x->masks[at])) return true;
    return false;
}

/* Grouped heads; 0 stands for as many as there are. */
static int64_t heads_or_all(int64_t grouped, int64_t heads)
{
    return grouped ? grouped : heads;
}

/* Each number of grouped heads divides some number of heads. */
static la_status check_grouped(const char *name, const la_counts *grouped, const la_counts *heads,
                               la_err *err)
{
    for (size_t i = 0; i < grouped->n; i++) {
        bool divides = false;
        for (size_t j = 0; j < heads->n; j++)
            divides |= heads->v[j] % heads_or_all(grouped->v[i], heads->v[j]) == 0;
        if (!divides)
            return LA_FAIL(err, LA_E_ARG, "%s %" PRId64 " does not divide heads %" PRId64, name,
                           grouped->v[i], heads->v[heads->n - 1]);
    }
    return LA_OK;
}

/* Shapes of one variant with one set of options. A task does not depend on the thread count: it runs
 * with the first. */
static la_status add_shapes(la_axes *x, la_cell *proto, la_err *err)
{
    const la_spec *s = x->spec;
    la_problem *p = &proto->problem;
    const la_counts *dv = s->dv.n ? &s->dv : NULL;
    size_t n[] = {x->lengths.n, x->batch.n,   x->heads.n, x->dk.n,       dv ? dv->n : 1,
                  x->n_dtypes,  x->threads.n, x->n_masks, x->kv_heads.n, x->qk_heads.n};
    size_t total = 1, at[LA_COUNT(n)];
    for (size_t i = 0; i < LA_COUNT(n); i++) total *= n[i];
    for (size_t k = 0; k < total; k++) {
        size_t rest = k;
        for (size_t i = LA_COUNT(n); i-- > 0; rest /= n[i]) at[i] = rest % n[i];
        int64_t dk = x->dk.v[at[3]];
        *p = (la_problem){.B = x->batch.v[at[1]],
                          .H = x->heads.v[at[2]],
                          .dk = dk,
                          .dv = dv ? dv->v[at[4]] : dk,
                          .dtype = (la_dtype)x->dtypes[at[5]],
                          .threads = (int)x->threads.v[at[6]],
                          .mask = la_plan_mask(proto->variant, x->masks[at[7]]),
                          .scale = s->scale};
        p->Hkv = heads_or_all(x->kv_heads.v[at[8]], p->H);
        p->Hqk = heads_or_all(x->qk_heads.v[at[9]], p->H);
        if (p->H % p->Hkv || p->H % p->Hqk) continue; /* they divide another number of heads */
        p->Tcap = proto->seqlen = x->lengths.v[at[0]];
        if (la_plan_masked_before(x, proto->variant, at[7])) continue;
        LA_TRY(add_passes(x, proto, err));
        if (at[6] == 0) LA_TRY(add_probes(x, proto, err));
    }
    return LA_OK;
}

static la_status add_variant(la_axes *x, const la_variant *v, la_err *err)
{
    la_cell proto = {.variant = v, .rounds = x->plan->rounds, .cold = x->spec->cold};
    la_status st = LA_OK;
    for (size_t c = 0; c < la_plan_combinations(x->spec, v->name) && st == LA_OK; c++) {
        st = la_plan_options(x->spec, v->name, v->options, v->options_len, v->options_size, c,
                             &proto.opts, err);
        if (st == LA_OK) st = add_shapes(x, &proto, err);
        la_free(proto.opts);
    }
    return st == LA_OK ? la_plan_learn(x, v, err) : st;
}

/* Refuses a product too large before any of it is made. */
static la_status check_count(const la_axes *x, la_err *err)
{
    double shapes = (double)x->lengths.n * (double)x->batch.n * (double)x->heads.n *
                    (double)x->dk.n * (double)(x->spec->dv.n ? x->spec->dv.n : 1) *
                    (double)x->n_dtypes * (double)x->threads.n * (double)x->n_masks *
                    (double)x->kv_heads.n * (double)x->qk_heads.n;
    double tasks = 0, cells = 0;
    for (size_t i = 0; i < x->n_tasks; i++)
        if (x->tasks[i]->kind == LA_TASK_PROBE)
            tasks += (double)la_plan_combinations(x->spec, x->tasks[i]->name);
    double learned = (double)la_plan_learn_cells(x);
    for (size_t i = 0; i < x->n_variants; i++)
        cells += (double)la_plan_combinations(x->spec, x->variants[i]->name) *
                 (shapes * ((double)x->n_passes + tasks / (double)x->threads.n) + learned);
    if (cells > LA_PLAN_CELLS && !x->spec->many)
        return LA_FAIL(err, LA_E_ARG, "%.0f cells are more than %d; add --yes if that is meant",
                       cells, LA_PLAN_CELLS);
    return LA_OK;
}

static la_status hash_plan(const la_spec *spec, la_plan *plan, la_err *err)
{
    la_text t = {0};
    la_text_add(&t, "seed %" PRIu64 " rounds %d quick %d careful %d seeds %d\n", spec->seed,
                plan->rounds, spec->quick, spec->careful, spec->seeds);
    for (size_t i = 0; i < spec->other.n; i++) la_text_add(&t, "%s\n", spec->other.v[i]);
    for (size_t i = 0; i < plan->n; i++) {
        const la_peer_impl *peer = plan->cells[i].peer;
        la_text_add(&t, "%s%s\n", plan->cells[i].key, peer ? peer->peer->code : "");
    }
    XXH128_hash_t h = XXH3_128bits(la_text_str(&t), t.len);
    snprintf(plan->spec_hash, sizeof plan->spec_hash, "%016" PRIx64 "%016" PRIx64,
             (uint64_t)h.high64, (uint64_t)h.low64);
    bool failed = t.failed;
    la_text_release(&t);
    return failed ? LA_FAIL(err, LA_E_NOMEM, "out of memory: the hash of the plan") : LA_OK;
}

static la_counts or_one(const la_counts *given, int64_t *one, int64_t def)
{
    *one = def;
    return given->n ? *given : (la_counts){one, 1, 1};
}

int la_plan_rounds(const la_spec *spec)
{
    return spec->quick ? 1 : spec->rounds ? spec->rounds : 3;
}

const char *const *la_plan_passes(const la_spec *spec, size_t *n)
{
    static const char *const all[] = {"fwd", "fwdbwd", "decode"}, *const quick[] = {"fwd",
                                                                                    "decode"};
    /* A quick sweep leaves the dearest pass to whoever asks for it: it has three minutes. */
    *n = spec->difficulty ? 0 : spec->quick ? LA_COUNT(quick) : LA_COUNT(all);
    return spec->quick ? quick : all;
}

static la_status understand(la_axes *x, la_err *err)
{
    static const char *const f32[] = {"f32"}, *const automatic[] = {"auto"};
    const la_spec *s = x->spec;
    LA_TRY(la_plan_variants(&s->variants, &x->variants, &x->n_variants, err));
    size_t n_passes;
    const char *const *passes = la_plan_passes(s, &n_passes);
    LA_TRY(parse_axis("pass", &s->passes, passes, n_passes, x->passes, &x->n_passes, err));
    LA_TRY(parse_axis("dtype", &s->dtypes, f32, 1, x->dtypes, &x->n_dtypes, err));
    LA_TRY(parse_axis("mask", &s->masks, automatic, 1, x->masks, &x->n_masks, err));
    LA_TRY(parse_tasks(x, err));
    if (x->n_passes == 0 && x->n_tasks == 0)
        return LA_FAIL(err, LA_E_ARG, "--pass none --tasks none leaves nothing to do");
    LA_TRY(la_plan_find_peers(x, err));
    LA_TRY(check_impls(x, err));
    for (size_t i = 0; i < s->n_settings; i++) LA_TRY(check_setting(x, i, err));
    LA_TRY(la_plan_learn_check(x, err));
    if (s->lengths.n == 0) return LA_FAIL(err, LA_E_ARG, "no lengths; write --lengths 1k..16k");
    x->lengths = s->lengths;
    x->batch = or_one(&s->batch, &x->one[0], 1);
    x->heads = or_one(&s->heads, &x->one[1], 2);
    x->kv_heads = or_one(&s->kv_heads, &x->one[4], 0);
    x->qk_heads = or_one(&s->qk_heads, &x->one[5], 0);
    LA_TRY(check_grouped("kv-heads", &x->kv_heads, &x->heads, err));
    LA_TRY(check_grouped("qk-heads", &x->qk_heads, &x->heads, err));
    x->dk = or_one(&s->dk, &x->one[2], 64);
    la_device host =
        *x->device; /* a CUDA device's results are verified, and its examples made, there */
    if (host.backend == LA_CUDA) la_device_cpu(&host);
    x->threads = or_one(&s->threads, &x->one[3], host.cores);
    return check_count(x, err);
}

la_status la_plan_expand(const la_spec *spec, const la_device *device, la_plan *out, la_err *err)
{
    *out = (la_plan){.rounds = la_plan_rounds(spec)};
    la_axes x = {.spec = spec, .device = device, .plan = out};
    la_status st = understand(&x, err);
    for (size_t i = 0; i < x.n_variants && st == LA_OK; i++)
        st = add_variant(&x, x.variants[i], err);
    la_free(x.variants);
    if (st != LA_OK) goto fail;
    size_t runs = 0;
    if (out->n == 0) {
        st = LA_FAIL(err, LA_E_ARG,
                     "--impls names peers' impls alone, and --pass or --tasks leave "
                     "them nothing to do");
        goto fail;
    }
    for (size_t i = 0; i < out->n; i++) runs += !out->cells[i].refused;
    if (runs == 0) {
        st = LA_FAIL(err, LA_E_ARG, "%s; %s", out->cells[0].reason,
                     out->n == 1 ? "that was the only cell asked for"
                                 : "none of the cells asked for can run");
        goto fail;
    }
    st = hash_plan(spec, out, err);
    if (st == LA_OK && spec->shards) la_plan_shard(out, spec->shard, spec->shards);
    if (st == LA_OK) return LA_OK;
fail:
    la_plan_release(out);
    return st;
}
