// What the vjps of several families are made of. All of it is deterministic for any number of threads: sums are cut at
// boundaries fixed by shapes, and partial sums are added in ascending order.
#pragma once

#include <cstdint>
#include <span>

#include "base/arena.h"
#include "kernels/table.h"
#include "pyseq/tensor.h"

namespace pyseq {

/// y [columns] = sum over the rows of x [rows, columns].
void sum_rows(const float* x, std::int64_t rows, std::int64_t columns, float* y, Arena& scratch);

/// rows_out [count, width] = for every row the sum of the rows of x [ids.size(), width] whose id it is, in their order.
void sum_rows_by_id(const float* x, std::span<const std::int64_t> ids, std::int64_t count, std::int64_t width,
                    float* rows_out);

/// y = x with row r multiplied by scales[r]; x has as many rows as there are scales.
void scale_rows(const Tensor& x, const Tensor& scales, Tensor& y);

/// Whether f' can be told from y = f(z): relu, tanh, sigmoid.
bool has_gradient_from_output(Activation activation);

/// dz = dy f'(z), where `values` are z, or with `from_output` y = f(z).
void activation_gradient(Activation activation, bool from_output, const Tensor& values, const Tensor& dy, Tensor& dz);

}  // namespace pyseq
