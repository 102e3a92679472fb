#include "reference.h"

#include <algorithm>
#include <cmath>

namespace pyseq::testing {
namespace {

double sigmoid(double x) {
  return 1.0 / (1.0 + std::exp(-x));
}

/// weight [rows, in] times x, plus bias.
Values affine(const Tensor& weight, const Tensor& bias, const Values& x) {
  const std::int64_t rows = weight.size(0), in = weight.size(1);
  Values y(static_cast<std::size_t>(rows));
  for (std::int64_t row = 0; row < rows; ++row) {
    double sum = bias.defined() ? bias.data<float>()[row] : 0.0;
    for (std::int64_t i = 0; i < in; ++i) sum += weight.data<float>()[row * in + i] * x[static_cast<std::size_t>(i)];
    y[static_cast<std::size_t>(row)] = sum;
  }
  return y;
}

}  // namespace

Values to_double(const Tensor& tensor) {
  const auto values = tensor.values<float>();
  return {values.begin(), values.end()};
}

double activated(const std::string& name, double x) {
  if (name == "relu") return std::max(x, 0.0);
  if (name == "tanh") return std::tanh(x);
  if (name == "sigmoid") return sigmoid(x);
  if (name == "gelu") return 0.5 * x * (1.0 + std::erf(x / std::sqrt(2.0)));
  if (name == "gelu_tanh") return 0.5 * x * (1.0 + std::tanh(std::sqrt(2.0 / M_PI) * (x + 0.044715 * x * x * x)));
  return x;
}

Values linear(const Tensor& x, const Tensor& weight, const Tensor& bias, const std::string& activation) {
  const std::int64_t in = weight.size(1), rows = in == 0 ? 1 : x.num_elements() / in;
  Values y;
  for (std::int64_t row = 0; row < rows; ++row) {
    const float* values = x.data<float>() + row * in;
    for (const double sum : affine(weight, bias, Values(values, values + in))) y.push_back(activated(activation, sum));
  }
  return y;
}

AttentionResult attention(const Tensor& query, const Tensor& key, const Tensor& value, std::int64_t heads, double scale,
                          const std::vector<std::vector<std::int64_t>>& counts, const std::vector<std::int64_t>& rows) {
  const std::int64_t batch = query.size(0), queries = query.size(1), keys = key.size(1);
  const std::int64_t head_dim = query.size(2) / heads, value_dim = value.size(2) / heads;
  AttentionResult result{Values(static_cast<std::size_t>(batch * queries * heads * value_dim)),
                         Values(static_cast<std::size_t>(batch * heads * queries * keys))};
  for (std::int64_t b = 0; b < batch; ++b) {
    for (std::int64_t t = 0; t < queries; ++t) {
      const std::int64_t source = rows[static_cast<std::size_t>(b)];
      const std::int64_t count = counts[static_cast<std::size_t>(b)][static_cast<std::size_t>(t)];
      for (std::int64_t head = 0; head < heads; ++head) {
        double* weights = result.weights.data() + ((b * heads + head) * queries + t) * keys;
        double sum = 0.0;
        for (std::int64_t k = 0; k < count; ++k) {
          double score = 0.0;
          for (std::int64_t i = 0; i < head_dim; ++i) {
            score += static_cast<double>(query.data<float>()[((b * queries + t) * heads + head) * head_dim + i]) *
                     key.data<float>()[((source * keys + k) * heads + head) * head_dim + i];
          }
          weights[k] = std::exp(score * scale);
          sum += weights[k];
        }
        double* y = result.y.data() + ((b * queries + t) * heads + head) * value_dim;
        for (std::int64_t k = 0; k < count; ++k) {
          weights[k] /= sum;
          for (std::int64_t i = 0; i < value_dim; ++i) {
            y[i] += weights[k] * value.data<float>()[((source * keys + k) * heads + head) * value_dim + i];
          }
        }
      }
    }
  }
  return result;
}

CellState cell_step(const std::string& cell, const float* x, const CellState& before, const CellWeights& weights) {
  const std::size_t hidden = before.h.size();
  const Values from_x = affine(weights.w_ih, weights.b_ih, Values(x, x + weights.w_ih.size(1)));
  const Values from_h = affine(weights.w_hh, weights.b_hh, before.h);
  CellState after = before;
  for (std::size_t u = 0; u < hidden; ++u) {
    const auto gate = [&](std::size_t g) { return from_x[g * hidden + u] + from_h[g * hidden + u]; };
    if (cell == "lstm") {
      after.c[u] = sigmoid(gate(1)) * before.c[u] + sigmoid(gate(0)) * std::tanh(gate(2));
      after.h[u] = sigmoid(gate(3)) * std::tanh(after.c[u]);
    } else if (cell == "gru") {
      const double reset = sigmoid(gate(0)), update = sigmoid(gate(1));
      const double candidate = std::tanh(from_x[2 * hidden + u] + reset * from_h[2 * hidden + u]);
      after.h[u] = (1.0 - update) * candidate + update * before.h[u];
    } else {
      after.h[u] = activated(cell == "rnn_relu" ? "relu" : "tanh", gate(0));
    }
  }
  return after;
}

RecurrentResult recurrent(const std::string& cell, const Tensor& x, const std::vector<CellWeights>& directions,
                          const std::vector<std::int64_t>& lengths, const Tensor& h0, const Tensor& c0) {
  const std::int64_t batch = x.size(0), time = x.size(1), in = x.size(2), hidden = directions[0].w_hh.size(1);
  const std::int64_t width = hidden * static_cast<std::int64_t>(directions.size());
  RecurrentResult result{Values(static_cast<std::size_t>(batch * time * width)),
                         Values(static_cast<std::size_t>(batch * width)),
                         Values(static_cast<std::size_t>(batch * width))};
  for (std::size_t direction = 0; direction < directions.size(); ++direction) {
    for (std::int64_t b = 0; b < batch; ++b) {
      const std::int64_t at = b * width + static_cast<std::int64_t>(direction) * hidden;
      const auto initial = [&](const Tensor& state) {
        Values values(static_cast<std::size_t>(hidden));
        if (state.defined()) std::copy_n(state.data<float>() + at, hidden, values.begin());
        return values;
      };
      CellState state{initial(h0), initial(c0)};
      const std::int64_t length = lengths[static_cast<std::size_t>(b)];
      for (std::int64_t step = 0; step < length; ++step) {
        const std::int64_t t = direction == 0 ? step : length - 1 - step;
        state = cell_step(cell, x.data<float>() + (b * time + t) * in, state, directions[direction]);
        const std::int64_t y = (b * time + t) * width + static_cast<std::int64_t>(direction) * hidden;
        std::copy(state.h.begin(), state.h.end(), result.y.begin() + y);
      }
      std::copy(state.h.begin(), state.h.end(), result.h.begin() + at);
      std::copy(state.c.begin(), state.c.end(), result.c.begin() + at);
    }
  }
  return result;
}

}  // namespace pyseq::testing
