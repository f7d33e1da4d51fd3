/* SPDX-License-Identifier: Apache-2.0
 * Arguments of tensor maps, checked before a driver sees them: its own error is one number for all of them.
 */
#include <inttypes.h>

#include "cuda.h"

la_status la_cuda_tensor_map(la_tensor_map *out, la_dtype dtype, int rank, const void *base,
                             const int64_t *lengths, const int64_t *strides, const int *box,
                             la_err *err)
{
    if (dtype != LA_BF16 && dtype != LA_F16)
        return LA_FAIL(err, LA_E_ARG, "a tensor map is of bf16 or f16, not of %s",
                       la_dtype_name(dtype));
    if (rank < 3 || rank > LA_TENSOR_RANK)
        return LA_FAIL(err, LA_E_ARG, "a tensor map has 3 to %d dimensions, not %d", LA_TENSOR_RANK,
                       rank);
    if (!base || (uintptr_t)base % 16)
        return LA_FAIL(err, LA_E_ARG, "the tensor of a map is not aligned to 16 bytes");
    for (int i = 0; i < rank; i++) {
        int most = i == 0 ? 64 : 256;
        if (lengths[i] < 1 || lengths[i] > INT32_MAX)
            return LA_FAIL(err, LA_E_ARG, "dimension %d of a tensor map has length %" PRId64, i,
                           lengths[i]);
        if (box[i] < 1 || box[i] > most)
            return LA_FAIL(err, LA_E_ARG, "dimension %d of a tensor map's box has %d of 1 to %d", i,
                           box[i], most);
        if (i && (strides[i - 1] % 16 || strides[i - 1] < 0 || strides[i - 1] >= (int64_t)1 << 40))
            return LA_FAIL(err, LA_E_ARG,
                           "dimension %d of a tensor map has a stride of %" PRId64
                           " bytes: it takes multiples of 16 below 2^40",
                           i, strides[i - 1]);
    }
    return la_cuda()->tensor_map(out, dtype, rank, base, lengths, strides, box, err);
}
