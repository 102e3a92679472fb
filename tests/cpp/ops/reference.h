// Slow, obvious float64 versions of the ops, straight from their equations: the judges of the fast ones.
#pragma once

#include <string>
#include <vector>

#include "pyseq/tensor.h"

namespace pyseq::testing {

using Values = std::vector<double>;

Values to_double(const Tensor& tensor);
double activated(const std::string& name, double x);

/// activation(x weight^T + bias); bias may be undefined.
Values linear(const Tensor& x, const Tensor& weight, const Tensor& bias, const std::string& activation = "none");

struct AttentionResult {
  Values y, weights;
};
/// counts[row][query]: keys that a query sees; rows: the source of each row.
AttentionResult attention(const Tensor& query, const Tensor& key, const Tensor& value, std::int64_t heads, double scale,
                          const std::vector<std::vector<std::int64_t>>& counts, const std::vector<std::int64_t>& rows);

/// Weights of one direction; biases may be undefined.
struct CellWeights {
  Tensor w_ih, w_hh, b_ih, b_hh;
};
struct CellState {
  Values h, c;  // of one row
};
/// One step of "rnn" (tanh), "rnn_relu", "gru" or "lstm" for one row.
CellState cell_step(const std::string& cell, const float* x, const CellState& before, const CellWeights& weights);

struct RecurrentResult {
  Values y, h, c;
};
/// A whole layer: one entry of `directions` per direction, the second one reversed. h0 and c0 may be undefined.
RecurrentResult recurrent(const std::string& cell, const Tensor& x, const std::vector<CellWeights>& directions,
                          const std::vector<std::int64_t>& lengths, const Tensor& h0, const Tensor& c0);

}  // namespace pyseq::testing
