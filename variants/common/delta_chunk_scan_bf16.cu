/* SPDX-License-Identifier: Apache-2.0
 * The scan of delta_chunk_scan.cuh for tensors in bfloat16.
 */
#include "delta_chunk_scan.cuh"

la_status la_delta_chunk_scan_bf16(const la_scan_call *x, la_err *err)
{
    return la_scan_of<la_bf16_t>(x, err);
}
