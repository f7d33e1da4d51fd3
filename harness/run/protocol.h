/* SPDX-License-Identifier: Apache-2.0
 * What a worker and the runner say to each other; any program that speaks it can be a worker.
 *
 * The runner starts a worker with stdin from /dev/null, stdout and stderr into one pipe (only its
 * last 64 KiB are kept), fd 3 open for writing records and fd 4 open for reading the job.
 *
 * Job (fd 4): one JSON object, then end of file.
 *   {"cell": {...}         la_cell_to_json: variant, impl, pass, shapes, options, task
 *    "parent": 4121        pid of the runner; a worker whose parent is another one ends at once
 *    "seed": "1234"        of the inputs, 64 bits in decimal, as text
 *    "verify": true        compare with the float64 reference before timing
 *    "memory_limit": 1e10  bytes the worker may take; 0: none
 *    "device_limit": 0     likewise of a CUDA device
 *    "cache_dir": "/tmp/x" for reference rows, or null
 *    "rule": {"min_time_s", "max_time_s", "target", "min_samples", "max_samples", "slow_s"}
 *    "beside_peak": false  take the machine's rate between samples
 *    "models_dir": "x.models"  folder of trained models, or null
 *    "model_seed": "1"     a learned task: of the model; "seed" is then that of the test's examples
 *    "lr": 0.01            of the model to evaluate; 0: the cell's own
 *    "checkpoint_s": 10    seconds between checkpoints of a training
 *    "peer": "/x/peer.json"   whose cell it is: the worker is then the host of a peer, whose program is
 *                          given a job with a few members more (docs/peers.md); null: labench's own
 *    "plugins": [{"path": "/x/mine.so", "code": "digest of the file"}]}   only where the cell runs one
 *
 * Record (fd 3): 16 bytes of header, then `length` bytes of JSON (one object, UTF-8, no NUL).
 *   offset 0   magic   0x5242414C, the bytes "LABR"
 *          4   type    1 start, 2 phase, 3 samples, 4 end, 5 curve
 *          8   length  at most 1 MiB
 *         12   crc     CRC-32 (zlib) of bytes 0..11 of the header followed by the payload
 * All four are 32-bit little-endian. In Python:
 *   head = struct.pack("<III", 0x5242414C, type, len(body))
 *   os.write(3, head + struct.pack("<I", zlib.crc32(head + body)) + body)
 *
 * Order: start, then phases, samples and curves, then one end; nothing after it.
 *   start    {"protocol": 2, "pid": 77}
 *   phase    {"phase": "verify"}                     what goes on from now, for a crash report;
 *                                                    LA_PHASE_WAITING is not of its time limit
 *   samples  {"samples": [[iters, total_ns], ...]}   in order of time
 *   curve    {"curve": [[step, tokens, elapsed_ns, loss, val_accuracy, val_worst, lr, grad_norm], ...]}
 *                                                    of a training, in order; null: not known there
 *   end      {"outcome": "ok", ...}                  worker_end.c names the members; a training has
 *                                                    "model": {"key", "config", "path", "digest", ...}
 * Anything else costs the attempt the outcome `error`, with a message that begins with "protocol".
 */
#ifndef LA_PROTOCOL_H
#define LA_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "labench/status.h"

#define LA_PROTOCOL_VERSION 2
#define LA_RECORD_MAGIC     0x5242414Cu
#define LA_RECORD_HEADER    16u
#define LA_RECORD_MAX       (1u << 20)

#define LA_PHASE_WAITING "waiting for the device"

typedef enum la_record_type {
    LA_RECORD_START = 1,
    LA_RECORD_PHASE = 2,
    LA_RECORD_SAMPLES = 3,
    LA_RECORD_END = 4,
    LA_RECORD_CURVE = 5
} la_record_type;

#define LA_CURVE_POINTS 100000 /* of one training, at most */

/* Writes one record whole, whatever the pipe takes at a time. */
la_status la_record_write(int fd, la_record_type type, const char *json, la_err *err);

/* Takes bytes as they come and gives records out. */
typedef struct la_record_reader {
    char *bytes; /* owned */
    size_t len, cap, taken;
    bool started, ended;
} la_record_reader;

typedef struct la_record {
    la_record_type type;
    char *json; /* NUL-terminated, inside the reader until the next call */
    size_t len;
} la_record;

la_status la_record_feed(la_record_reader *reader, const void *bytes, size_t n, la_err *err);
/* *more is false when no whole record is there yet. LA_E_FORMAT when the stream is broken: wrong
 * magic, type, length, checksum or order; nothing more can then be read from it. */
la_status la_record_next(la_record_reader *reader, la_record *out, bool *more, la_err *err);
/* Bytes of a record that never came whole. */
size_t la_record_rest(const la_record_reader *reader);
void la_record_reader_release(la_record_reader *reader);

#endif
