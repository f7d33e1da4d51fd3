/* SPDX-License-Identifier: Apache-2.0
 * Every command and every flag, once: the parser, the help and the checks of the tests all come from
 * these tables.
 */
#ifndef LA_CLI_OPTIONS_TABLE_H
#define LA_CLI_OPTIONS_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#include "labench/status.h"

/* enumerator, name, words after it, summary ("" hides it from the help) */
#define LA_COMMAND_LIST(X)                                                                         \
    X(RUN, "run", "--variants LIST [flags]", "measure: run a sweep, or continue one")              \
    X(LIST, "list", "[variants|tasks|devices|sweeps|papers|plots]", "what there is")               \
    X(SHOW, "show", "[SWEEP|CELL|VARIANT|[task] TASK]", "everything about one of them")            \
    X(PLOT, "plot", "[KIND...]", "draw a sweep: svg and png, with the .gp and .dat behind")        \
    X(REPORT, "report", "[SWEEP]", "a sweep as one HTML file")                                     \
    X(EXPORT, "export", "[WHAT]", "rows of a sweep as csv, json, md or latex")                     \
    X(COMPARE, "compare", "A B", "is B faster than A? sweeps, builds or variants, cell by cell")   \
    X(CROSSOVER, "crossover", "[A B]", "from which length on is B faster than A?")                 \
    X(REPRODUCE, "reproduce", "list|all|ID...",                                                    \
      "a paper's table beside ours, from what is stored; --run measures what is missing")          \
    X(MERGE, "merge", "OUT IN...", "join databases: of other machines, or of shares")              \
    X(DB, "db", "check|backup|migrate|recover",                                                    \
      "care of a database: is it sound, copy it, update it, save what can be read")                \
    X(DOCTOR, "doctor", "", "this machine: peaks, and what will spoil the numbers")                \
    X(VERIFY, "verify", "[VARIANT...]", "hold variants against their float64 reference")           \
    X(APPLY, "apply", "--variant NAME --in DIR --out DIR", "run a variant on your own .npy files") \
    X(SAMPLE, "sample", "TASK --out DIR [flags]",                                                  \
      "examples of a learned task as .npy files, for use elsewhere")                               \
    X(PEERS, "peers", "[NAME...]", "implementations outside labench: which can run here")          \
    X(NEW, "new-variant", "NAME", "write a plugin to start a variant of your own from")            \
    X(COMPLETION, "completion", "bash|zsh|fish", "what a shell completes with")                    \
    X(MAN, "man", "", "the manual page: labench man | man -l -")                                   \
    X(WORKER, "worker", "", "")                                                                    \
    X(PLUGIN, "plugin", "", "")

typedef enum la_command {
#define LA_COMMAND_ENUM(id, name, words, summary) LA_CMD_##id,
    LA_COMMAND_LIST(LA_COMMAND_ENUM)
#undef LA_COMMAND_ENUM
        LA_CMD_COUNT
} la_command;

typedef struct la_command_row {
    const char *name, *words, *summary;
} la_command_row;
extern const la_command_row la_commands[LA_CMD_COUNT];

/* A flag belongs to the commands whose bits are set. */
enum {
    LA_IN_RUN = 1 << LA_CMD_RUN,
    LA_IN_LIST = 1 << LA_CMD_LIST,
    LA_IN_SHOW = 1 << LA_CMD_SHOW,
    LA_IN_PLOT = 1 << LA_CMD_PLOT,
    LA_IN_REPORT = 1 << LA_CMD_REPORT,
    LA_IN_EXPORT = 1 << LA_CMD_EXPORT,
    LA_IN_COMPARE = 1 << LA_CMD_COMPARE,
    LA_IN_CROSSOVER = 1 << LA_CMD_CROSSOVER,
    LA_IN_REPRODUCE = 1 << LA_CMD_REPRODUCE,
    LA_IN_MERGE = 1 << LA_CMD_MERGE,
    LA_IN_DB = 1 << LA_CMD_DB,
    LA_IN_DOCTOR = 1 << LA_CMD_DOCTOR,
    LA_IN_VERIFY = 1 << LA_CMD_VERIFY,
    LA_IN_APPLY = 1 << LA_CMD_APPLY,
    LA_IN_SAMPLE = 1 << LA_CMD_SAMPLE,
    LA_IN_PEERS = 1 << LA_CMD_PEERS,
    LA_IN_NEW = 1 << LA_CMD_NEW,
    LA_IN_ALL = (1 << LA_CMD_WORKER) - 1,
    LA_IN_PLUGIN = LA_IN_RUN | LA_IN_LIST | LA_IN_SHOW | LA_IN_VERIFY | LA_IN_APPLY,
    LA_IN_OUT = LA_IN_RUN | LA_IN_PLOT | LA_IN_REPORT | LA_IN_EXPORT | LA_IN_APPLY | LA_IN_SAMPLE |
                LA_IN_NEW | LA_IN_REPRODUCE | LA_IN_DB,
    LA_IN_STORED = LA_IN_LIST | LA_IN_SHOW | LA_IN_PLOT | LA_IN_REPORT | LA_IN_EXPORT |
                   LA_IN_COMPARE | LA_IN_CROSSOVER | LA_IN_DB,
    LA_IN_CONFIG = LA_IN_RUN | LA_IN_STORED | LA_IN_REPRODUCE | LA_IN_VERIFY | LA_IN_APPLY,
};

/* enumerator, name, letter or 0, argument or NULL, default or NULL, commands, help */
#define LA_FLAG_LIST(X)                                                                            \
    X(VARIANTS, "variants", 0, "LIST", NULL, LA_IN_RUN,                                            \
      "names, globs, groups (all card recurrent quadratic baseline), tag:WORD; -NAME takes away")  \
    X(LENGTHS, "lengths", 0, "SIZES", "1k..16k", LA_IN_RUN,                                        \
      "tokens: 512,1k..16k  1k..128k:x4  1k..8k:+1k  1k..128k:n=9")                                \
    X(TASKS, "tasks", 0, "LIST", "recall,mqar,overwrite", LA_IN_RUN,                               \
      "what accuracy is measured on, or none; 'labench list tasks'")                               \
    X(PASS, "pass", 0, "LIST", "fwd,fwdbwd,decode", LA_IN_RUN | LA_IN_COMPARE | LA_IN_CROSSOVER,   \
      "fwd, bwd, fwdbwd, decode, or none")                                                         \
    X(DTYPE, "dtype", 0, "LIST", "f32", LA_IN_RUN, "type of q, k, v, o and KV caches")             \
    X(BATCH, "batch", 0, "SIZES", "1", LA_IN_RUN, "sequences computed together")                   \
    X(HEADS, "heads", 0, "SIZES", "2", LA_IN_RUN, "heads")                                         \
    X(KV_HEADS, "kv-heads", 0, "SIZES", "heads", LA_IN_RUN,                                        \
      "key and value heads of softmax, flash, local: fewer is GQA, 1 is MQA")                      \
    X(QK_HEADS, "qk-heads", 0, "SIZES", "heads", LA_IN_RUN,                                        \
      "query and key heads of recurrent ones")                                                     \
    X(DIM, "dim", 0, "SIZES", "64", LA_IN_RUN, "size of a head: dk and dv")                        \
    X(DK, "dk", 0, "SIZES", "64", LA_IN_RUN, "size of a query and key")                            \
    X(DV, "dv", 0, "SIZES", "dk", LA_IN_RUN, "size of a value")                                    \
    X(MASK, "mask", 0, "LIST", "auto", LA_IN_RUN | LA_IN_APPLY,                                    \
      "auto (causal where there is one), causal, bidirectional")                                   \
    X(SCALE, "scale", 0, "S", "1/sqrt(dk)", LA_IN_RUN | LA_IN_APPLY | LA_IN_REPRODUCE,             \
      "scale of the logits")                                                                       \
    X(IMPLS, "impls", 0, "LIST", "best", LA_IN_RUN, "impls or forms: cpu_chunk, recurrent, all")   \
    X(PEERS, "peers", 0, "LIST", NULL, LA_IN_RUN,                                                  \
      "beside ours: peers by name, all, or ./mine/peer.json; 'labench peers'")                     \
    X(SET, "set", 0, "OWNER.KEY=V,V", NULL, LA_IN_RUN | LA_IN_APPLY | LA_IN_SAMPLE | LA_IN_SHOW,   \
      "an option of a variant, a task, model or train ('labench show model'), as an axis; "        \
      "repeatable")                                                                                \
    X(TRAIN_LENGTHS, "train-lengths", 0, "SIZES", "the task's", LA_IN_RUN,                         \
      "learned tasks: lengths that models are trained on; tested at --lengths")                    \
    X(TRAIN_AT_LENGTH, "train-at-length", 0, NULL, NULL, LA_IN_RUN,                                \
      "learned tasks: a model for each length instead")                                            \
    X(DIFFICULTY, "difficulty", 0, NULL, NULL, LA_IN_RUN,                                          \
      "learned tasks: each at its defaults and with one thing harder at a time, at its own "       \
      "length")                                                                                    \
    X(SEEDS, "seeds", 0, "N", "1", LA_IN_RUN, "models trained of each kind")                       \
    X(LR, "lr", 0, "LIST", "0.01", LA_IN_RUN,                                                      \
      "learning rates; the one that validates best counts")                                        \
    X(STEPS, "steps", 0, "LIST", "600", LA_IN_RUN, "steps of a training, as --set train.steps")    \
    X(RECIPE, "recipe", 0, "LIST", "controlled", LA_IN_RUN,                                        \
      "controlled (one block for all) or paper, as --set model.recipe")                            \
    X(LAYERS, "layers", 0, "LIST", "2", LA_IN_RUN, "blocks of a model")                            \
    X(D_MODEL, "d-model", 0, "LIST", "64", LA_IN_RUN, "width of a model")                          \
    X(HEAD_DIM, "head-dim", 0, "LIST", "d-model / heads", LA_IN_RUN, "width of a model's head")    \
    X(MLP, "mlp", 0, "LIST", "the recipe's", LA_IN_RUN, "width of the MLP over d-model, 0: none")  \
    X(CONV, "conv", 0, "LIST", "the recipe's", LA_IN_RUN, "width of the convolution, 0: none")     \
    X(POS, "pos", 0, "LIST", "the recipe's", LA_IN_RUN, "positions: none, learned or rope")        \
    X(HYBRID, "hybrid", 0, "PATTERN", NULL, LA_IN_RUN,                                             \
      "variants of the layers: deltanet*3,softmax; 'self' is the one of --variants")               \
    X(DEVICE, "device", 0, "NAME", "auto", LA_IN_RUN, "auto, cpu, cuda or cuda:N")                 \
    X(THREADS, "threads", 0, "LIST", "physical cores",                                             \
      LA_IN_RUN | LA_IN_APPLY | LA_IN_DOCTOR | LA_IN_VERIFY, "threads of a call")                  \
    X(JOBS, "jobs", 'j', "N", "physical cores", LA_IN_RUN,                                         \
      "learned tasks: models at work at a time, small ones with one thread unless "                \
      "--threads says else; 1: one after another with all threads")                                \
    X(SEED, "seed", 0, "N", "1", LA_IN_RUN | LA_IN_APPLY | LA_IN_SAMPLE, "of every random number") \
    X(ROUNDS, "rounds", 0, "N", "3", LA_IN_RUN, "fresh processes per cell")                        \
    X(TIME, "time", 0, "S", "0.1", LA_IN_RUN, "least time measured in an attempt")                 \
    X(MAX_TIME, "max-time", 0, "S", "0.5", LA_IN_RUN, "most time measured in an attempt")          \
    X(TARGET, "target", 0, "PCT", "3", LA_IN_RUN, "half-width of the interval to stop at")         \
    X(MIN_SAMPLES, "min-samples", 0, "N", "10", LA_IN_RUN, "samples before stopping")              \
    X(QUICK, "quick", 0, NULL, NULL, LA_IN_RUN,                                                    \
      "1 round, 3 samples, 0.3 s; rows are marked quick")                                          \
    X(CAREFUL, "careful", 0, NULL, NULL, LA_IN_RUN, "up to 15 s an attempt, interval 1 %")         \
    X(CACHE, "cache", 0, "STATE", "hot", LA_IN_RUN,                                                \
      "hot or cold caches before a call; on cuda: cold")                                           \
    X(BESIDE_PEAK, "beside-peak", 0, NULL, NULL, LA_IN_RUN,                                        \
      "CPU: the peak between samples too, for shares of it that slow minutes do not move")         \
    X(TIMEOUT, "timeout", 0, "S", "10 x predicted, at least 120", LA_IN_RUN,                       \
      "an attempt is killed after this")                                                           \
    X(MEMORY_LIMIT, "memory-limit", 0, "SIZE", "80 % of free", LA_IN_RUN,                          \
      "bytes of what is at work at one time")                                                      \
    X(DEVICE_MEMORY, "device-memory", 0, "SIZE", "90 % of free", LA_IN_RUN,                        \
      "bytes of a CUDA device that a worker may take")                                             \
    X(DB, "db", 0, "FILE", "$LABENCH_DB or labench.db",                                            \
      LA_IN_RUN | LA_IN_STORED | LA_IN_REPRODUCE, "the database")                                  \
    X(SWEEP, "sweep", 0, "ID", "last",                                                             \
      LA_IN_PLOT | LA_IN_EXPORT | LA_IN_COMPARE | LA_IN_CROSSOVER, "the sweep")                    \
    X(WITH, "with", 0, "SWEEP", NULL, LA_IN_PLOT,                                                  \
      "another sweep in the same figures: other.db, other.db:1a2b3c4d, 1a2b3c4d; repeatable")      \
    X(BASE, "base", 0, "VARIANT", "softmax, else flash", LA_IN_PLOT,                               \
      "what speedup and heatmap compare the others with")                                          \
    X(RESIDENT, "resident", 0, NULL, NULL, LA_IN_PLOT,                                             \
      "memory: dotted, what resident memory grew by")                                              \
    X(TERMINAL, "terminal", 0, "LIST", NULL, LA_IN_PLOT, "besides svg and png: pdf, tikz")         \
    X(LABEL, "label", 0, "TEXT", NULL, LA_IN_RUN, "a name kept with the sweep")                    \
    X(NOTE, "note", 0, "TEXT", NULL, LA_IN_RUN, "a remark kept with the sweep")                    \
    X(RESUME, "resume", 0, NULL, NULL, LA_IN_RUN, "insist on continuing an unfinished sweep")      \
    X(NEW, "new", 0, NULL, NULL, LA_IN_RUN, "insist on a new sweep")                               \
    X(RETRY, "retry", 0, "LIST", NULL, LA_IN_RUN,                                                  \
      "when continuing, run again what ended failed, timeout, oom or all")                         \
    X(FAIL_FAST, "fail-fast", 0, NULL, NULL, LA_IN_RUN, "stop at the first wrong or crashed cell") \
    X(NO_PREDICT, "no-predict", 0, NULL, NULL, LA_IN_RUN,                                          \
      "run cells expected to run out of memory or time")                                           \
    X(ORDER, "order", 0, "HOW", "random", LA_IN_RUN, "order of a round: random or given")          \
    X(SHARD, "shard", 0, "I/N", "1/1", LA_IN_RUN,                                                  \
      "share I of N of the cells, each in a database of its own; then 'labench merge'")            \
    X(DRY_RUN, "dry-run", 'n', NULL, NULL, LA_IN_RUN | LA_IN_REPRODUCE,                            \
      "list cells, memory and time; run nothing")                                                  \
    X(STRICT, "strict", 0, NULL, NULL, LA_IN_RUN,                                                  \
      "unsupported, timeouts and out of memory make the exit code 1 too")                          \
    X(CONFIG, "config", 0, "FILE", "./labench.ini, ~/.config/labench/labench.ini", LA_IN_CONFIG,   \
      "flags from an INI file: [global], lengths = 1k..8k; or none")                               \
    X(SECTION, "section", 0, "NAME", NULL, LA_IN_CONFIG,                                           \
      "its section [NAME] too, before [global]")                                                   \
    X(SHOW_CONFIG, "show-config", 0, NULL, NULL, LA_IN_RUN,                                        \
      "print such a file for this command, with where each value comes from; run nothing")         \
    X(YES, "yes", 'y', NULL, NULL, LA_IN_RUN, "allow more than 100 000 cells")                     \
    X(PROGRESS, "progress", 0, "WHEN", "auto", LA_IN_RUN, "auto, always or never")                 \
    X(VARIANT, "variant", 0, "NAME", NULL, LA_IN_APPLY, "the variant to apply")                    \
    X(IN, "in", 0, "DIR", NULL, LA_IN_APPLY, "folder of q.npy, k.npy, v.npy, ... (fnet: x.npy)")   \
    X(FORM, "form", 0, "FORM", "best", LA_IN_APPLY,                                                \
      "recurrent, chunk, ..., decode (token by token) or reference (float64)")                     \
    X(GRAD, "grad", 0, NULL, NULL, LA_IN_APPLY,                                                    \
      "read do.npy and write a gradient for every input and parameter")                            \
    X(STATE, "state", 0, NULL, NULL, LA_IN_APPLY,                                                  \
      "write state_<part>.npy, state_pos.npy; start from state_in_<part>.npy where there")         \
    X(SPLIT, "split", 0, "NAME", "train", LA_IN_SAMPLE, "train, validation or test")               \
    X(N, "n", 0, "N", "1000", LA_IN_SAMPLE, "examples")                                            \
    X(LENGTH, "length", 0, "T", "the longest", LA_IN_SAMPLE | LA_IN_PLOT, "tokens of an example")  \
    X(OUT, "out", 'o', "PATH", NULL, LA_IN_OUT, "folder of the output, made when missing")         \
    X(MEASURE, "run", 0, NULL, NULL, LA_IN_REPRODUCE, "measure what is not stored")                \
    X(FORMAT, "format", 0, "NAME", "csv", LA_IN_EXPORT | LA_IN_REPRODUCE,                          \
      "csv, json, md or latex")                                                                    \
    X(BY, "by", 0, "COLUMN", NULL, LA_IN_EXPORT,                                                   \
      "a table of variants by length, pass, dtype, threads, batch, heads, dim or an option: "      \
      "mqar.pairs")                                                                                \
    X(INTERVALS, "intervals", 0, "HOW", "brackets", LA_IN_EXPORT,                                  \
      "of tables by a column in md and latex: brackets or none")                                   \
    X(LONG, "long", 'l', NULL, NULL, LA_IN_LIST, "impls and options too")                          \
    X(FULL, "full", 0, NULL, NULL, LA_IN_VERIFY, "every shape and option, not the quick set")      \
    X(JSON, "json", 0, NULL, NULL,                                                                 \
      LA_IN_RUN | LA_IN_LIST | LA_IN_SHOW | LA_IN_COMPARE | LA_IN_CROSSOVER | LA_IN_DOCTOR |       \
          LA_IN_PEERS,                                                                             \
      "JSON on stdout")                                                                            \
    X(FAIL_ON, "fail-on", 0, "LIST", NULL, LA_IN_COMPARE | LA_IN_REPRODUCE,                        \
      "exit 5 when a cell is slower, faster, changed (either) or unclear")                         \
    X(MIN_CHANGE, "min-change", 0, "PCT", "2", LA_IN_COMPARE, "smaller changes are none")          \
    X(ACROSS, "across", 0, NULL, NULL, LA_IN_COMPARE,                                              \
      "though machines, compilers or flags differ")                                                \
    X(ALL, "all", 'a', NULL, NULL, LA_IN_COMPARE | LA_IN_CROSSOVER,                                \
      "rows that are the same, pairs without a crossover too")                                     \
    X(PLUGIN, "plugin", 0, "FILE", NULL, LA_IN_PLUGIN,                                             \
      "a variant of your own: ./mine.so, or a name in LABENCH_PLUGIN_PATH; repeatable")            \
    X(QUIET, "quiet", 'q', NULL, NULL, LA_IN_ALL, "errors only on stderr")                         \
    X(VERBOSE, "verbose", 'v', NULL, NULL, LA_IN_ALL, "more on stderr")                            \
    X(COLOR, "color", 0, "WHEN", "auto", LA_IN_ALL, "auto, always or never")                       \
    X(HELP, "help", 'h', NULL, NULL, LA_IN_ALL, "this text")

typedef enum la_flag_id {
#define LA_FLAG_ENUM(id, name, letter, arg, def, commands, help) LA_FLAG_##id,
    LA_FLAG_LIST(LA_FLAG_ENUM)
#undef LA_FLAG_ENUM
        LA_FLAG_COUNT
} la_flag_id;

typedef struct la_flag {
    const char *name;
    char letter;
    const char *arg, *def;
    unsigned commands;
    const char *help;
} la_flag;
extern const la_flag la_flags[LA_FLAG_COUNT];

typedef la_status (*la_flag_taker)(void *context, la_flag_id flag, const char *value, la_err *err);
typedef la_status (*la_word_taker)(void *context, const char *word, la_err *err);

/* Walks argv[first..]: whole names only (an abbreviation would block later flags), each flag once
 * (--set may be repeated), no two that exclude each other. *help is set by --help, and parsing stops
 * there. Words that are no flags go to `word`; NULL refuses them. */
la_status la_flags_parse(la_command command, int argc, char **argv, int first, la_flag_taker flag,
                         la_word_taker word, void *context, bool *help, la_err *err);
/* A command line has at most one of them. */
bool la_flags_exclusive(la_flag_id a, la_flag_id b);
/* Whether a command has the flag. */
bool la_flag_belongs(la_flag_id flag, la_command command);
/* A flag as one command means it: argument, default and help. */
la_flag la_flag_of(la_command command, la_flag_id flag);
void la_flags_help(la_command command, FILE *out);
/* choices.c: the values of a flag that has a fixed list of them; NULL: it has none. */
const char *const *la_flag_words(la_flag_id flag, size_t *n);
/* Which of them `value` is; LA_E_ARG naming all of them. */
la_status la_flag_choice(la_flag_id flag, const char *value, int *out, la_err *err);
/* LA_CMD_COUNT: no such command. */
la_command la_command_find(const char *name);
const char *la_command_nearest(const char *name);

#endif
