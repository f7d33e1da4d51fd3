/* SPDX-License-Identifier: Apache-2.0
 * What must hold of a descriptor before any of its functions is called.
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "registry.h"

/* Names become words of the command line, file names and SQL text: small letters, digits, _. */
static bool good_name(const char *name)
{
    if (!name || !islower((unsigned char)name[0]) || strlen(name) > 40) return false;
    for (const char *c = name; *c; c++)
        if (!islower((unsigned char)*c) && !isdigit((unsigned char)*c) && *c != '_') return false;
    return true;
}

/* The start of a name as found, for a message: what is not plain ASCII is written as \xNN. */
static const char *shown(const char *name, char buf[64])
{
    size_t len = 0;
    if (!name) return "(none)";
    for (const char *c = name; *c && len < 50; c++) {
        bool plain = *c >= ' ' && *c <= '~' && *c != '\\';
        len += (size_t)snprintf(buf + len, 64 - len, plain ? "%c" : "\\x%02x",
                                plain ? *c : (unsigned char)*c);
    }
    buf[len] = '\0';
    return buf;
}

static bool good_choices(const la_option *o)
{
    int64_t n = 0;
    if (o->type != LA_OPTION_CHOICE) return true;
    while (o->choices[n]) {
        if (!good_name(o->choices[n])) return false;
        n++;
    }
    return o->def >= 0 && o->def < (double)n && o->def == floor(o->def);
}

/* NaN is in no range. */
static bool good_range(const la_option *o)
{
    if (o->type != LA_OPTION_INT && o->type != LA_OPTION_REAL) return true;
    return o->min <= o->def && o->def <= o->max;
}

static la_status validate_impl(const la_variant *v, const la_impl *impl, la_err *err)
{
    char buf[64];
    if (!good_name(impl->name))
        return LA_FAIL(err, LA_E_ARG,
                       "variant %s: an impl is called '%s'; a name is small letters, digits and _, "
                       "at most 40, like cpu_recurrent",
                       v->name, shown(impl->name, buf));
    for (const la_impl *other = v->impls; other < impl; other++)
        if (strcmp(other->name, impl->name) == 0)
            return LA_FAIL(err, LA_E_ARG, "variant %s has two impls called %s", v->name,
                           impl->name);
    if (impl->backend != LA_CPU && impl->backend != LA_CUDA)
        return LA_FAIL(err, LA_E_ARG, "variant %s, impl %s: there is no backend %d", v->name,
                       impl->name, (int)impl->backend);
    if (!impl->rank || !impl->check || !impl->sizes || !impl->create || !impl->destroy ||
        !impl->forward)
        return LA_FAIL(err, LA_E_ARG,
                       "variant %s, impl %s: rank, check, sizes, create, destroy and forward are "
                       "required",
                       v->name, impl->name);
    if (!impl->dtypes || !(impl->caps & (LA_CAP_CAUSAL | LA_CAP_BIDIRECTIONAL)))
        return LA_FAIL(err, LA_E_ARG, "variant %s, impl %s: no type or no mask is declared",
                       v->name, impl->name);
    if (!impl->backward != !(impl->caps & LA_CAP_BACKWARD))
        return LA_FAIL(err, LA_E_ARG,
                       "variant %s, impl %s: backward and its capability bit disagree", v->name,
                       impl->name);
    if (!impl->decode != !(impl->caps & LA_CAP_DECODE))
        return LA_FAIL(err, LA_E_ARG, "variant %s, impl %s: decode and its capability bit disagree",
                       v->name, impl->name);
    if ((impl->caps & (LA_CAP_DECODE | LA_CAP_STATE_IN)) && !v->state_parts)
        return LA_FAIL(err, LA_E_ARG, "variant %s, impl %s: carries a state but names no parts",
                       v->name, impl->name);
    return LA_OK;
}

static la_status validate_options(const char *name, const la_option *options, size_t n, size_t size,
                                  la_err *err)
{
    for (size_t i = 0; i < n; i++) {
        char buf[64];
        if (!good_name(options[i].name) || !options[i].help)
            return LA_FAIL(err, LA_E_ARG, "%s: option '%s' has no good name or no help", name,
                           shown(options[i].name, buf));
        if (options[i].type < LA_OPTION_INT || options[i].type > LA_OPTION_CHOICE)
            return LA_FAIL(err, LA_E_ARG, "%s: option %s is of no known type", name,
                           options[i].name);
        if (options[i].offset > size || size - options[i].offset < 8 || options[i].offset % 8)
            return LA_FAIL(err, LA_E_ARG,
                           "%s: option %s lies outside options_size %zu, or not at a multiple of 8",
                           name, options[i].name, size);
        for (size_t k = 0; k < i; k++)
            if (strcmp(options[k].name, options[i].name) == 0)
                return LA_FAIL(err, LA_E_ARG, "%s has two options called %s", name,
                               options[i].name);
        if (!good_range(&options[i]))
            return LA_FAIL(err, LA_E_ARG, "%s: option %s: the default %g does not lie in %g..%g",
                           name, options[i].name, options[i].def, options[i].min, options[i].max);
        if ((options[i].type == LA_OPTION_CHOICE) != (options[i].choices != NULL))
            return LA_FAIL(err, LA_E_ARG, "%s: option %s: choices and type disagree", name,
                           options[i].name);
        if (!good_choices(&options[i]))
            return LA_FAIL(
                err, LA_E_ARG,
                "%s: option %s: a choice has no good name, or the default is none of them", name,
                options[i].name);
    }
    return LA_OK;
}

la_status la_variant_name_check(const char *name, la_err *err)
{
    char buf[64];
    if (good_name(name)) return LA_OK;
    return LA_FAIL(
        err, LA_E_ARG,
        "a variant cannot be called '%s': a name is small letters, digits and _, at most 40, "
        "with a letter in front",
        shown(name, buf));
}

la_status la_variant_validate(const la_variant *v, la_err *err)
{
    if (v->abi != LA_ABI)
        return LA_FAIL(err, LA_E_ARG, "a variant with ABI %u; this labench has ABI %u: rebuild it",
                       v->abi, LA_ABI);
    if (v->size != sizeof *v)
        return LA_FAIL(err, LA_E_ARG, "a variant descriptor of %u bytes; %zu wanted: rebuild it",
                       v->size, sizeof *v);
    LA_TRY(la_variant_name_check(v->name, err));
    if (v->family < LA_FAMILY_QUADRATIC || v->family > LA_FAMILY_BASELINE)
        return LA_FAIL(err, LA_E_ARG, "variant %s: there is no family %d", v->name, (int)v->family);
    if (!v->summary || !v->paper || !v->cost_words || !v->useful)
        return LA_FAIL(err, LA_E_ARG, "variant %s: summary, paper, cost_words or useful is missing",
                       v->name);
    if (!v->reference == !v->same_as)
        return LA_FAIL(err, LA_E_ARG, "variant %s: give a reference or same_as, one of the two",
                       v->name);
    if (v->reference && !v->reference->forward)
        return LA_FAIL(err, LA_E_ARG, "variant %s: the reference has no forward", v->name);
    if (!v->inputs || !v->impls_len || !v->impls)
        return LA_FAIL(err, LA_E_ARG, "variant %s: no inputs or no impls", v->name);
    if (v->options_len && !v->options)
        return LA_FAIL(err, LA_E_ARG, "variant %s: options_len is %zu and options is NULL", v->name,
                       v->options_len);
    LA_TRY(validate_options(v->name, v->options, v->options_len, v->options_size, err));
    for (size_t i = 0; i < v->impls_len; i++) LA_TRY(validate_impl(v, &v->impls[i], err));
    return LA_OK;
}

static bool same_option(const la_option *a, const la_option *b)
{
    if (strcmp(a->name, b->name) != 0 || a->type != b->type || a->offset != b->offset) return false;
    size_t i = 0;
    if (a->type != LA_OPTION_CHOICE) return true;
    while (a->choices[i] && b->choices[i] && strcmp(a->choices[i], b->choices[i]) == 0) i++;
    return !a->choices[i] && !b->choices[i];
}

la_status la_variant_same_validate(const la_variant *v, const la_variant *as, la_err *err)
{
    if (v->inputs != as->inputs)
        return LA_FAIL(err, LA_E_ARG,
                       "variant %s is the same as %s, but has other inputs (bits %#x, there %#x)",
                       v->name, as->name, (unsigned)v->inputs, (unsigned)as->inputs);
    if (v->default_scale != as->default_scale)
        return LA_FAIL(err, LA_E_ARG,
                       "variant %s is the same as %s, but its default_scale is %g and not %g",
                       v->name, as->name, v->default_scale, as->default_scale);
    for (size_t i = 0; i < as->options_len; i++)
        if (i >= v->options_len || !same_option(&v->options[i], &as->options[i]))
            return LA_FAIL(
                err, LA_E_ARG,
                "variant %s is the same as %s, so that its options must begin with those "
                "of %s: option %zu is to be %s, of the same type, choices and offset",
                v->name, as->name, as->name, i + 1, as->options[i].name);
    if (v->options_size < as->options_size)
        return LA_FAIL(
            err, LA_E_ARG,
            "variant %s is the same as %s, whose options take %zu bytes: options_size is "
            "%zu",
            v->name, as->name, as->options_size, v->options_size);
    return LA_OK;
}

static la_status validate_learned(const la_task *t, la_err *err)
{
    const la_learned *l = t->learned;
    if (!l || !l->vocabulary || !l->train_lengths || !l->mixture || !l->shape_at ||
        !l->most_answers || !l->make)
        return LA_FAIL(
            err, LA_E_ARG,
            "task %s: a learned task needs vocabulary, train_lengths, mixture, shape_at, "
            "most_answers and make",
            t->name);
    if (l->version < 1)
        return LA_FAIL(err, LA_E_ARG, "task %s: versions of examples count from 1, not %d", t->name,
                       l->version);
    for (int i = 0; i == 0 || l->train_lengths[i]; i++)
        if (l->train_lengths[i] <= (i ? l->train_lengths[i - 1] : 0))
            return LA_FAIL(err, LA_E_ARG, "task %s: train_lengths do not ascend", t->name);
    for (int i = 0; l->group_names && l->group_names[i]; i++)
        if (i >= LA_MAX_GROUPS || !good_name(l->group_names[i]))
            return LA_FAIL(err, LA_E_ARG,
                           "task %s: at most %d groups of answers, with names of small letters, "
                           "digits and _",
                           t->name, LA_MAX_GROUPS);
    if (t->answers || t->probe_fill || t->probe_score || t->probe_samples || t->probe_read ||
        t->probe_score_flops)
        return LA_FAIL(err, LA_E_ARG, "task %s: a learned task has no members of a probe", t->name);
    return LA_OK;
}

static la_status validate_probe(const la_task *t, la_err *err)
{
    if (!t->answers || !t->probe_fill || !t->probe_score)
        return LA_FAIL(err, LA_E_ARG, "task %s: a probe needs answers, fill and score", t->name);
    if (t->learned)
        return LA_FAIL(err, LA_E_ARG, "task %s: a probe has no learned members", t->name);
    return LA_OK;
}

la_status la_task_validate(const la_task *t, la_err *err)
{
    if (t->abi != LA_ABI || t->size != sizeof *t || !good_name(t->name))
        return LA_FAIL(err, LA_E_ARG, "a task with another ABI, size or a bad name");
    bool figures = t->kind == LA_TASK_PROBE && t->probe_samples; /* no answers, so no chance */
    if (!t->summary || !t->paper || !t->check || (!t->chance && !figures))
        return LA_FAIL(err, LA_E_ARG, "task %s: summary, paper, check or chance is missing",
                       t->name);
    LA_TRY(t->kind == LA_TASK_PROBE ? validate_probe(t, err) : validate_learned(t, err));
    return validate_options(t->name, t->options, t->options_len, t->options_size, err);
}
