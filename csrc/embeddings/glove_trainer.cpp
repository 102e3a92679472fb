#include "embeddings/glove_trainer.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include "base/threads.h"
#include "embeddings/random.h"
#include "kernels/dispatch.h"
#include "pyseq/error.h"

namespace pyseq {
namespace {

constexpr int kParts = GloveTrainer::kParts;
constexpr std::size_t kBlocks = kParts * kParts;

/// Words are numbered by their counts: parts take turns, there and back, so that all get as much.
int part_of(std::int32_t word) {
  const int turn = word % kParts;
  return word / kParts % 2 == 0 ? turn : kParts - 1 - turn;
}

std::size_t block_of(std::int32_t row, std::int32_t column) {
  return static_cast<std::size_t>(part_of(row) * kParts + part_of(column));
}

template <typename Each>
void for_directions(bool symmetric, std::int32_t row, std::int32_t column, Each each) {
  each(row, column);
  if (symmetric && row != column) each(column, row);
}

void mix(std::span<GloveEntry> entries, SliceRandom random) {
  for (std::size_t i = entries.size(); i > 1; --i) {
    std::swap(entries[i - 1], entries[random.below(static_cast<std::uint32_t>(i))]);
  }
}

}  // namespace

std::int64_t GloveTrainer::directions(bool symmetric, std::span<const std::int32_t> rows,
                                      std::span<const std::int32_t> columns) {
  std::int64_t count = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) count += symmetric && rows[i] != columns[i] ? 2 : 1;
  return count;
}

void GloveTrainer::arrange(std::int64_t words, std::span<const std::int32_t> rows,
                           std::span<const std::int32_t> columns, std::span<const float> counts,
                           std::span<GloveEntry> entries) {
  std::vector<std::int64_t> next(kBlocks + 1, 0);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] < 0 || rows[i] >= words || columns[i] < 0 || columns[i] >= words) {
      throw IndexError("glove: pair (" + std::to_string(rows[i]) + ", " + std::to_string(columns[i]) +
                       "), expected words below " + std::to_string(words));
    }
    if (!(counts[i] > 0.0F)) throw ValueError("glove: a count is " + std::to_string(counts[i]) + ", expected above 0");
    for_directions(options_.symmetric, rows[i], columns[i],
                   [&](std::int32_t row, std::int32_t column) { ++next[block_of(row, column) + 1]; });
  }
  std::partial_sum(next.begin(), next.end(), next.begin());
  begins_ = next;
  const double log_max = std::log(options_.x_max);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double log_count = std::log(static_cast<double>(counts[i]));
    const auto weight = static_cast<float>(std::min(1.0, std::exp(options_.alpha * (log_count - log_max))));
    for_directions(options_.symmetric, rows[i], columns[i], [&](std::int32_t row, std::int32_t column) {
      entries[static_cast<std::size_t>(next[block_of(row, column)]++)] = {row, column, static_cast<float>(log_count),
                                                                          weight};
    });
  }
  parallel_for(static_cast<std::int64_t>(kBlocks), 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t block = first; block < last; ++block) {
      const auto b = static_cast<std::size_t>(block);
      const auto begin = static_cast<std::size_t>(begins_[b]), end = static_cast<std::size_t>(begins_[b + 1]);
      mix(entries.subspan(begin, end - begin), SliceRandom(options_.seed, 0, b));
    }
  });
}

double GloveTrainer::train(const GloveTables& tables, std::span<const GloveEntry> entries, std::uint64_t epoch) const {
  std::vector<int> shifts(kParts);
  std::iota(shifts.begin(), shifts.end(), 0);
  SliceRandom random(options_.seed, 1, epoch);
  for (std::uint32_t i = kParts; i > 1; --i) std::swap(shifts[i - 1], shifts[random.below(i)]);
  std::vector<double> losses(kBlocks, 0.0);
  with_team([&] {
    for (const int shift : shifts) {
      parallel_for(kParts, 1, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t part = first; part < last; ++part) {
          const auto block = static_cast<std::size_t>(part * kParts + (part + shift) % kParts);
          const GloveF32 args{tables.width,
                              begins_[block + 1] - begins_[block],
                              entries.data() + begins_[block],
                              tables.word_rows,
                              tables.context_rows,
                              tables.word_sums,
                              tables.context_sums,
                              static_cast<float>(options_.learning_rate),
                              static_cast<float>(options_.clip),
                              &losses[block]};
          kernels().glove_f32(&args);
        }
      });
    }
  });
  return std::accumulate(losses.begin(), losses.end(), 0.0);
}

}  // namespace pyseq
