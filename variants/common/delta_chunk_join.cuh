/* SPDX-License-Identifier: Apache-2.0
 * Segments of a head, each taken through the chunks from zeros, become one sequence: S before each of them.
 */
#ifndef LA_DELTA_CHUNK_JOIN_CUH
#define LA_DELTA_CHUNK_JOIN_CUH

#include "delta_chunk_cuda.cuh"

struct la_segment_join {
    la_delta_call c;
    const unsigned char *records; /* with what the decay of a chunk leaves */
    int64_t record_bytes;
    int64_t chunks, segments, segment;
    float *
        starts; /* [B H segments,dk,dv]: S behind a segment that began with zeros; then S before it */
    float
        *transitions; /* [B H segments,dk,dk]; of the additive rule, where they are decays, room for
                           [B H segments,dk] */
};

la_status la_delta_chunk_join(const la_segment_join *x, la_err *err);

#endif
