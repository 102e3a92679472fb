// GloVe: weighted least squares of logarithms of co-occurrence counts (Pennington et al. 2014), with AdaGrad.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/table.h"

namespace pyseq {

struct GloveOptions {
  bool symmetric = true;  // every pair stands for both of its directions
  double x_max = 100.0, alpha = 0.75;
  double learning_rate = 0.05, clip = 100.0;
  std::uint64_t seed = 0;
};

/// Rows of `width` values (a multiple of 16): a word's vector, its bias, 1; a context's vector, 1, its bias; zeros.
struct GloveTables {
  std::int64_t words, width;
  float* word_rows;
  float* context_rows;
  float* word_sums;  // of squared gradients
  float* context_sums;
};

/// The entries lie in blocks, by parts of the words and of the contexts. Blocks without a part in common are worked on
/// at the same time: no two of them touch the same row, so that threads change nothing about the result.
class GloveTrainer {
 public:
  static constexpr int kParts = 16;

  explicit GloveTrainer(const GloveOptions& options) : options_(options) {}

  /// Puts the entries of pairs into blocks, mixed within each. `entries` has room for all directions.
  /// IndexError: a word that is not below `words`. ValueError: a count that is not above 0.
  void arrange(std::int64_t words, std::span<const std::int32_t> rows, std::span<const std::int32_t> columns,
               std::span<const float> counts, std::span<GloveEntry> entries);
  /// Goes over all entries once; returns the sum of their losses.
  double train(const GloveTables& tables, std::span<const GloveEntry> entries, std::uint64_t epoch) const;

  static std::int64_t directions(bool symmetric, std::span<const std::int32_t> rows,
                                 std::span<const std::int32_t> columns);

 private:
  GloveOptions options_;
  std::vector<std::int64_t> begins_;  // of the blocks
};

}  // namespace pyseq
