/* SPDX-License-Identifier: Apache-2.0
 * The machinery of a step: lanes (one a thread, each with the buffers for its share of a batch), kernels
 * made ready for each length, and the network's forward and backward over one lane. A lane takes its
 * sequences a piece at a time through the whole network and back, so that what forward keeps for backward is
 * still in the L2 and L3 caches there, and memory does not grow with the batch.
 */
#ifndef LA_ENGINE_H
#define LA_ENGINE_H

#include "products.h"
#include "site.h"
#include "spec.h"

#define LA_MAX_LENGTHS LA_MAX_SHAPES

/* Memory laid out twice: with base NULL it is only counted. */
typedef struct la_arena {
    char *base;
    size_t used, most;
} la_arena;
void *la_arena_take(la_arena *a, size_t bytes);

/* What one block keeps from forward for backward. */
typedef struct la_acts {
    float *mean1, *rstd1, *h, *y, *part[3], *rnorm[2], *beta_raw, *beta, *f, *g, *o, *rstd_o, *u;
    float *iclr_raw, *iclr, *a, *a_norm, *b, *key; /* block_rank_one.c */
    float *x1; /* the stream between mixer and MLP; the block's output where there is no MLP */
    float *mean2, *rstd2, *h2, *uv;
    /* Gradients of part and of what goes through the output matrix: where the MLP's rows were, which backward reads no
     * more by then and which are in the caches, or in buffers of all blocks. */
    float *dpart[3], *du;
} la_acts;

/* The op at single rows of one sequence, by decode; impl NULL where it cannot be. few_rows.c */
typedef struct la_few {
    const la_impl *impl;
    void *self;
    la_problem problem;
    size_t part_at[LA_MAX_PARTS], state_bytes, work_bytes, instance_bytes;
    void *state, *work;
} la_few;

/* A variant's op made ready for one block, one length and one lane. */
typedef struct la_kernel {
    const la_impl *impl;
    void *self;
    la_problem problem;
    size_t saved_bytes, work_bytes, instance_bytes;
    void *saved, *work;
    la_param param[LA_MAX_PARAMS]; /* the shapes at this length */
    bool whole[LA_MAX_PARAMS];     /* the same as the model's: no copy */
    float *packed[LA_MAX_PARAMS], *dparam[LA_MAX_PARAMS];
    const la_cuda_kernels *on_device; /* NULL: impl is called itself */
    la_few few;                       /* of the last block of an evaluation */
} la_kernel;

/* One length: how a batch of it is shared out. */
typedef struct la_geometry {
    int64_t T, B;
    int lanes;   /* that take part: all, or one whose kernels and products use every thread */
    int threads; /* of a lane's kernels and products */
    bool share;  /* lanes take turns of one another; the engine sets it where they can */
    int64_t
        piece_rows; /* of a piece, at most where a sequence is no longer; 0: what suits caches */
} la_geometry;

/* Rows [head_rows, d] in front of a norm of the head and behind it, with what backward needs. */
typedef struct la_normed {
    float *x, *y, *mean, *rstd;
} la_normed;

/* The rows of a piece that the head reads. Behind the op of the last block rows go one by one, so the block ends
 * with them alone, `most` at a time, each of which goes through the head and back before the next ones: what lies
 * between op and loss never leaves the caches. Row i is row at[i] - from of the piece. */
typedef struct la_kept {
    const int32_t *at;
    int64_t from, n;
    bool alone; /* else all rows of the piece are there, in lane->x and lane->dx */
    bool
        in_line; /* they follow one another: those in work are read and written where all rows lie, ... */
    int64_t row;  /* ... from this row of the piece on */
    int64_t most; /* 0: never alone */
    /* of the rows in work; in line only x, and du where that is not dout: */
    float *o, *y;       /* what the op gave; the joint projection, where a gate stands in it */
    float *x, *dx, *dy; /* the stream behind the block; gradients of it and of y */
    float *du, *dout;   /* gradients of what goes through the output matrix, and of o */
} la_kept;
/* A row in so many at most is computed for the others: beyond, moving rows eats what it saves. */
#define LA_KEPT_SHARE 2
/* Rows that go together through what is behind the op, where one thread takes them: the MLP's are many times wider
 * than the stream, and stay in the L2 cache. */
#define LA_ROWS_TOGETHER 128

/* What the loss by blocks of outputs (head_loss.c) has of the rows in work: the matrix that they are to its products,
 * and of each row the label's logit and the largest in front of that. */
typedef struct la_blocked {
    la_matrix rows;
    la_powers powers;
    float *own, *front;
} la_blocked;

/* The tokens of a piece, each once. Where the stream in front of the first block is the embedding and nothing
 * else, what stands in front of its op is the same in all rows of a token, up to the joint projection. */
typedef struct la_distinct {
    int32_t *token; /* [most] */
    int32_t *of;    /* [rows] each row's place among them */
    int32_t *place; /* [V] of a token, while they are found */
    int64_t n;
    bool alone;     /* the first block computes them alone and copies them to all rows */
    int64_t most;   /* there is room for so many; 0: never alone */
    float *x, *y;   /* their embedding and joint projection */
    float *dx, *dy; /* gradients of these, without what goes past the block */
} la_distinct;

/* A batch as it is made: tokens, and of each scored row its place, its label, and the row of the stream that
 * answers it; jobs: tables of la_token_jobs, one for each piece. */
typedef struct la_made {
    int32_t *tokens, *row, *source, *label, *jobs;
} la_made;

/* What the table of layers reads of a lane's batch and writes, in the memory it computes with: on the CPU the
 * lane's own arrays, on a device others. */
typedef struct la_on {
    la_made made;
    int32_t *right;
    double *loss;     /* one number, ... */
    int64_t *correct; /* ... and one behind it */
} la_on;

/* Where each lane has one thread, its pieces go in so many turns, each taken by whichever thread comes to it, with a
 * gradient of its own. So threads end together though one is slower, and sums have one order whoever did what. */
#define LA_TURNS       5
#define LA_TURN_FLOATS (1 << 21) /* of a gradient, at most: turns take memory */

struct la_tally {
    double loss;
    int64_t correct;
};

typedef struct la_lane {
    const struct la_engine *engine;
    int index;
    void *memory; /* that is computed with */
    void *held;   /* the host's */
    la_acts acts[LA_MAX_LAYERS];
    float *x[LA_MAX_LAYERS + 1]; /* the stream in front of each block and behind the last */
    /* gradients of the stream and of one block's pieces */
    float *dx, *dh, *dy, *dpart[3], *dout, *dbeta, *df, *dg, *da, *db, *conv_scratch;
    float *hidden; /* of the rows that go together: inside the MLP, forward and back */
    /* of the head: the rows that are scored, the layers of a decoder and what they give before the
     * activation, logits [head_rows, outputs]; the gradient of rows */
    la_normed final, decode[LA_DECODER_LAYERS];
    float *decoded[LA_DECODER_LAYERS], *logits, *drows;
    la_blocked blocked;
    float *grad; /* in work: of the first turn, or of the turn that it is */
    float *turn_grad[LA_TURNS];
    struct la_tally turn_tally[LA_TURNS];
    la_kernel *kernel; /* [geometry][layer] */
    la_made made;      /* on the host, and so are of its rows: */
    int32_t *distance, *group, *right;
    int64_t n_rows, T; /* of the batch in work: rows that are scored, length */
    la_on on;
    la_kept kept;          /* of the piece in work */
    la_distinct distinct;  /* likewise */
    la_answer *answers;    /* [sequences][most_answers] */
    int64_t *n_answers;    /* [sequences] */
    struct la_tally tally; /* of the batch in work */
    la_status status;
    la_err err;
    la_means means; /* of products; threads as the batch in work has them */
} la_lane;

/* Matrices of a block; behind those of all blocks lie the head's. */
enum {
    LA_MATRIX_IN,
    LA_MATRIX_OUT,
    LA_MATRIX_UP,
    LA_MATRIX_DOWN,
    LA_MATRIX_PART, /* rows of LA_MATRIX_IN, for each part that is apart */
    LA_MATRICES = LA_MATRIX_PART + 3
};
enum {
    LA_MATRIX_OUTPUT,
    LA_MATRIX_DECODE,
    LA_HEAD_MATRICES = LA_MATRIX_DECODE + LA_DECODER_LAYERS
};

typedef struct la_engine {
    const la_net *spec;
    const la_layers *layers;
    const la_device *device;
    la_site site;
    int threads;
    int host_threads; /* that make examples for a device; threads, until it is set */
    bool training;
    la_geometry geometry[LA_MAX_LENGTHS];
    size_t n_geometries;
    int64_t most_answers; /* of one example */
    la_lane *lane;
    int n_lanes;
    la_eval *scores;   /* of each lane, of the batch in work */
    int64_t head_rows; /* rows of logits at a time */
    const la_tile *tile;
    la_matrix *matrix; /* [layer][LA_MATRICES], then LA_HEAD_MATRICES */
    void *panels;
    float *cosine, *sine;
    float *places; /* [longest_T, d]: the decoder's sinusoids */
    int64_t longest_T;
    size_t bytes, device_bytes; /* of everything, for la_train_bytes: on the host, on the device */
} la_engine;

/* Where a batch comes from. Example i of the batch has index first + i, or place first + i of a shuffled
 * set of `set` examples. */
typedef struct la_batch {
    const la_task *task;
    const void *task_opts;
    la_shape shape; /* longer than the geometry: the network reads the first tokens */
    la_split split;
    uint64_t seed, first, set;
    int64_t count;        /* examples that are scored; the rest of B only fills up */
    uint64_t drop_stream; /* of dropout, for training */
    char *digest;         /* [B][LA_EXAMPLE_DIGEST] of tokens and answers; NULL: not wanted */
} la_batch;
#define LA_EXAMPLE_DIGEST 32

/* Lengths T[i] with B[i] sequences. Counts only (nothing allocated but `lane`) when `count_only`. */
la_status la_engine_init(la_engine *e, const la_net *spec, const la_device *device, int threads,
                         bool training, const la_geometry *geometry, size_t n, int64_t most_answers,
                         bool count_only, la_err *err);
void la_engine_release(la_engine *e); /* accepts zeroed */
size_t la_engine_find(const la_engine *e, int64_t T);
/* engine_tables.c, of la_engine_init */
la_status la_engine_panels(la_engine *e, bool count_only, la_err *err);
la_status la_engine_tables(la_engine *e, bool count_only, la_err *err);
/* Whether the joint projection is nothing but what the op reads: it is then computed where the op reads it. A device
 * does one product rather than three. */
bool la_parts_apart(const la_engine *e, const la_block *b);
/* Packs part `index` of `count` of the weights; all of it before a lane computes with them. Nothing on a
 * device. */
void la_engine_pack(const la_engine *e, const float *weights, int index, int count);
/* Sequences first..last-1 of the batch are lane `index`'s. */
void la_lane_share(const la_geometry *g, int index, int64_t *first, int64_t *last);
/* How many of N rows go together through what is behind an op. */
int64_t la_rows_together(const la_engine *e, int threads, int64_t N);
/* How many of them go through the network together; a divisor of their number. */
int64_t la_lane_piece(const la_geometry *g, int index);

/* How an evaluation of `examples` sequences of T tokens is shared out: sequences to lanes while there are
 * enough of them and a lane's buffers stay moderate, else one at a time with every thread. */
la_geometry la_eval_geometry(const la_net *spec, const la_device *device, int64_t T,
                             int64_t examples, int threads);

/* kernel.c */
la_status la_kernel_init(la_kernel *k, const la_engine *e, const la_block *b, int64_t B, int64_t T,
                         int threads, la_err *err); /* impl, problem, sizes, shapes */
la_status la_kernel_create(la_kernel *k, const la_engine *e, const la_block *b, la_err *err);
void la_kernel_destroy(la_kernel *k);
la_status la_kernel_forward(la_kernel *k, const la_block *b, const la_lane *lane, const la_acts *a,
                            const float *x, const float *weights, bool save, la_err *err);
/* Gradients of the inputs into the lane's buffers; of parameters added to lane->grad. */
la_status la_kernel_backward(la_kernel *k, const la_block *b, la_lane *lane, const la_acts *a,
                             const float *x, const float *weights, const float *dout, float *dx,
                             la_err *err);

/* distinct.c: those of N rows. */
void la_distinct_find(la_distinct *distinct, int64_t N, const int32_t *tokens);

/* few_rows.c: ready where `k`, the kernel of the last block of an evaluation, can be asked at single rows. */
void la_few_init(la_few *f, const la_engine *e, const la_block *b, const la_kernel *k);
la_status la_few_create(la_few *f, const la_engine *e, const la_block *b, la_err *err);
void la_few_destroy(la_few *f);
/* Whether these rows are few enough for that. */
bool la_few_pays(const la_few *f, const la_kept *kept);
/* The op at the kept rows alone, into theirs of a->o. */
la_status la_few_forward(const la_few *f, const la_acts *a, const la_kept *kept, la_err *err);

/* block.c: the stream in front of the block is lane->x[layer], that behind it the next one; the same buffer when
 * nothing is kept for backward. The last block goes to its op and begins there where rows are kept alone; ... */
la_status la_block_forward(la_lane *lane, int64_t layer, la_kernel *k, int64_t B, int64_t T,
                           const float *weights, la_err *err);
la_status la_block_backward(la_lane *lane, int64_t layer, la_kernel *k, int64_t B, int64_t T,
                            const float *weights, la_err *err);
/* ... kept rows first..first+n-1, of a piece of N, go from there to kept->x; and, behind la_kept_begin for the piece,
 * back from kept->dx to the op. */
void la_kept_forward(la_lane *lane, int64_t N, int64_t first, int64_t n, const float *weights);
void la_kept_begin(la_lane *lane, int64_t N);
void la_kept_backward(la_lane *lane, int64_t N, int64_t first, int64_t n, const float *weights);

/* network.c */
/* Makes this lane's examples: tokens and scored rows. */
la_status la_lane_make(la_lane *lane, size_t geometry, const la_batch *batch, la_err *err);
/* The loss over the scored rows into lane->loss, lane->correct, and the gradient of all (lane->grad is zeroed
 * first); `answers` is how many the whole batch has. */
la_status la_lane_learn(la_lane *lane, size_t geometry, const la_batch *batch, int64_t answers,
                        const float *weights, la_err *err);
/* Whether lanes can take turns of one another. */
bool la_lanes_can_share(const la_geometry *g);
/* Turn `turn` of lane `index`: pieces from..to-1 of its own, perhaps none but of the first, which has all where lanes do
 * not share. */
void la_lane_turn(const la_geometry *g, int index, int turn, int64_t *from, int64_t *to);
/* The same of turn `turn` of lane `of`, with the buffers of `lane`, into of->turn_grad and of->turn_tally. */
la_status la_lane_learn_turn(const la_lane *lane, la_lane *of, int turn, size_t geometry,
                             const la_batch *batch, int64_t answers, const float *weights,
                             la_err *err);
/* Loss and correct answers alone, into lane->loss and lane->correct; slices by distance added to *out. */
la_status la_lane_score(la_lane *lane, size_t geometry, const la_batch *batch, const float *weights,
                        la_eval *out, la_err *err);

/* score.c: a batch in all lanes of its geometry; loss (a sum) and counts are added to *out. */
la_status la_engine_score(la_engine *e, const float *weights, size_t geometry,
                          const la_batch *batch, la_eval *out, la_err *err);
/* Of the first `lanes` lanes: what the first that failed says. */
la_status la_engine_failure(const la_engine *e, int lanes, la_err *err);

#endif
