// A window of word2vec: every input row (a context word) meets every output row (the word and its negatives), so that a
// row is read once for all its pairs.
#pragma once

#include "kernels/embeddings/args.h"
#include "kernels/vector/row.h"
#include "kernels/vector/transpose.h"

namespace pyseq {
namespace {

constexpr int kInputsTogether = 8;
// AVX-512 has registers for twice as much.
constexpr int kTwice = kLanes == 16 ? 2 : 1;

/// Lanes that differ in bit `Step` are added: a's sums in the even blocks, b's in the odd ones.
template <int Step>
inline Float add_neighbours(Float a, Float b) {
  return even_blocks<Step>(a, b, AllLanes{}) + odd_blocks<Step>(a, b, AllLanes{});
}

/// sums[i] = Σ lanes of x[i], each in the same order whatever i is.
inline void sums_of_lanes(const Float (&x)[8], float* sums, std::int64_t count) {
  Float pairs[4], fours[2];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) pairs[i] = add_neighbours<1>(x[2 * i], x[2 * i + 1]);
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) fours[i] = add_neighbours<2>(pairs[2 * i], pairs[2 * i + 1]);
  if constexpr (kLanes == 4) {
    store(sums, fours[0], count);
    store(sums + 4, fours[1], count - 4);
  } else {
    Float all = add_neighbours<4>(fours[0], fours[1]);
    if constexpr (kLanes == 16) all += swap_halves<8>(all, AllLanes{});
    store(sums, all, count < 8 ? count : 8);
  }
}

/// The scores of Outputs rows with Inputs rows.
template <int Outputs, int Inputs>
inline void score_tile(const WindowF32& args, std::int64_t first_output, std::int64_t first_input) {
  Float sums[Outputs][8]{};
  const float* input[Inputs];
#pragma GCC unroll 8
  for (int i = 0; i < Inputs; ++i) input[i] = args.input[first_input + i];
  const float* output[Outputs];
#pragma GCC unroll 2
  for (int o = 0; o < Outputs; ++o) output[o] = args.output[first_output + o];
  for (std::int64_t column = 0; column < args.width; column += kLanes) {
    Float y[Outputs];
#pragma GCC unroll 2
    for (int o = 0; o < Outputs; ++o) y[o] = load(output[o] + column);
#pragma GCC unroll 8
    for (int i = 0; i < Inputs; ++i) {
      const Float x = load(input[i] + column);
#pragma GCC unroll 2
      for (int o = 0; o < Outputs; ++o) sums[o][i] = fma(x, y[o], sums[o][i]);
    }
  }
#pragma GCC unroll 2
  for (int o = 0; o < Outputs; ++o) {
    sums_of_lanes(sums[o], args.values + (first_output + o) * args.inputs + first_input, Inputs);
  }
}

template <int Inputs>
inline void score_inputs(const WindowF32& args, std::int64_t first_input) {
  std::int64_t o = 0;
  for (; o + kTwice <= args.outputs; o += kTwice) score_tile<kTwice, Inputs>(args, o, first_input);
  for (; o < args.outputs; ++o) score_tile<1, Inputs>(args, o, first_input);
}

/// moves[i] of Columns vectors = Σ_o value[o, i] · output_o
template <int Inputs, int Columns>
inline void move_of_inputs(const WindowF32& args, std::int64_t first, std::int64_t column, Float* moves) {
  Float sums[Inputs][Columns]{};
  for (std::int64_t o = 0; o < args.outputs; ++o) {
    const float* values = args.values + o * args.inputs + first;
    Float y[Columns];
#pragma GCC unroll 2
    for (int c = 0; c < Columns; ++c) y[c] = load(args.output[o] + column + c * kLanes);
#pragma GCC unroll 8
    for (int i = 0; i < Inputs; ++i) {
      const Float value = broadcast(values[i]);
#pragma GCC unroll 2
      for (int c = 0; c < Columns; ++c) sums[i][c] = fma(value, y[c], sums[i][c]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < Inputs; ++i) {
#pragma GCC unroll 2
    for (int c = 0; c < Columns; ++c) moves[(first + i) * Columns + c] = sums[i][c];
  }
}

/// Every output += Σ_i value[o, i] · input_i, of Columns vectors.
template <int Inputs, int Columns>
inline void move_outputs(const WindowF32& args, std::int64_t first, std::int64_t column) {
  Float x[Inputs][Columns];
#pragma GCC unroll 8
  for (int i = 0; i < Inputs; ++i) {
#pragma GCC unroll 2
    for (int c = 0; c < Columns; ++c) x[i][c] = load(args.input[first + i] + column + c * kLanes);
  }
  for (std::int64_t o = 0; o < args.outputs; ++o) {
    const float* values = args.values + o * args.inputs + first;
    float* output = args.output[o] + column;
    Float sums[Columns];
#pragma GCC unroll 2
    for (int c = 0; c < Columns; ++c) sums[c] = load(output + c * kLanes);
#pragma GCC unroll 8
    for (int i = 0; i < Inputs; ++i) {
      const Float value = broadcast(values[i]);
#pragma GCC unroll 2
      for (int c = 0; c < Columns; ++c) sums[c] = fma(value, x[i][c], sums[c]);
    }
#pragma GCC unroll 2
    for (int c = 0; c < Columns; ++c) store(output + c * kLanes, sums[c]);
  }
}

// Calls `name` with the number of inputs, 1 to 8, as its template argument.
#define PYSEQ_FOR_INPUTS(count, name) \
  switch (count) {                    \
    case 1:                           \
      name(1);                        \
      break;                          \
    case 2:                           \
      name(2);                        \
      break;                          \
    case 3:                           \
      name(3);                        \
      break;                          \
    case 4:                           \
      name(4);                        \
      break;                          \
    case 5:                           \
      name(5);                        \
      break;                          \
    case 6:                           \
      name(6);                        \
      break;                          \
    case 7:                           \
      name(7);                        \
      break;                          \
    default:                          \
      name(8);                        \
  }

/// Both sides move by what the other one was: outputs wait until the moves of all inputs are known. A row that is
/// named twice moves twice.
template <int Columns>
inline void update_columns(const WindowF32& args, std::int64_t column) {
  Float moves[kMostInputs * Columns];
  for (std::int64_t i = 0; i < args.inputs; i += kInputsTogether) {
#define PYSEQ_CASE(n) move_of_inputs<n, Columns>(args, i, column, moves)
    PYSEQ_FOR_INPUTS(args.inputs - i, PYSEQ_CASE)
#undef PYSEQ_CASE
  }
  for (std::int64_t i = 0; i < args.inputs; i += kInputsTogether) {
#define PYSEQ_CASE(n) move_outputs<n, Columns>(args, i, column)
    PYSEQ_FOR_INPUTS(args.inputs - i, PYSEQ_CASE)
#undef PYSEQ_CASE
  }
  for (std::int64_t i = 0; i < args.inputs; ++i) {
#pragma GCC unroll 2
    for (int c = 0; c < Columns; ++c) {
      float* x = args.input[i] + column + c * kLanes;
      store(x, load(x) + moves[i * Columns + c]);
    }
  }
}

void window_scores_f32(const WindowF32* args) {
  for (std::int64_t i = 0; i < args->inputs; i += kInputsTogether) {
#define PYSEQ_CASE(n) score_inputs<n>(*args, i)
    PYSEQ_FOR_INPUTS(args->inputs - i, PYSEQ_CASE)
#undef PYSEQ_CASE
  }
}

void window_update_f32(const WindowF32* args) {
  std::int64_t column = 0;
  for (; column + kTwice * kLanes <= args->width; column += kTwice * kLanes) update_columns<kTwice>(*args, column);
  for (; column < args->width; column += kLanes) update_columns<1>(*args, column);
}

void logistic_steps_f32(const LogisticF32* args) {
  const std::int64_t n = args->inputs * args->outputs;
  float* values = args->values;
  if (args->loss != nullptr) {
    float loss = sum_over_row(n, [=](std::int64_t i, std::int64_t count) { return softplus(load(values + i, count)); });
    for (std::int64_t o = 0; o < args->outputs; ++o) {
      if (args->labels[o] != 0) loss -= row_sum(args->inputs, values + o * args->inputs);
    }
    *args->loss += loss;
  }
  const Float rate = broadcast(args->rate);
  for (std::int64_t i = 0; i < n; i += kLanes) {
    store(values + i, -rate * sigmoid(load(values + i, n - i)), n - i);
  }
  for (std::int64_t o = 0; o < args->outputs; ++o) {
    if (args->labels[o] == 0) continue;
    float* row = values + o * args->inputs;
    for (std::int64_t i = 0; i < args->inputs; i += kLanes) {
      store(row + i, load(row + i, args->inputs - i) + rate, args->inputs - i);
    }
  }
}

}  // namespace
}  // namespace pyseq
