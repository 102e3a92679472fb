#include <algorithm>

#include "fixture.h"

namespace pyseq {
namespace {

/// Keys and values in blocks of 32 positions; what lies beyond the last position is NaN.
struct Memory {
  std::int64_t positions, head_dim, value_dim, blocks, value_stride;
  Buffer keys, values;  // [positions, head_dim], [positions, value_dim]
  Buffer panels;
  std::vector<Buffer> value_buffers;
  std::vector<const float*> key_panels, value_blocks;

  Memory(std::int64_t position_count, std::int64_t key_width, std::int64_t value_width)
      : positions(position_count),
        head_dim(key_width),
        value_dim(value_width),
        blocks((positions + 31) / 32),
        value_stride(value_dim + 5),
        keys(random_values(positions * head_dim, 21)),
        values(random_values(positions * value_dim, 22)),
        panels(blocks * 32 * head_dim, kNan),
        value_buffers(static_cast<std::size_t>(blocks), Buffer(32 * value_stride - 5, kNan)) {
    lay_out();
  }
  Memory(const Memory&) = delete;

  /// keys and values -> blocks; once more after a change of them.
  void lay_out() {
    for (std::int64_t p = 0; p < positions; ++p) {
      for (std::int64_t d = 0; d < head_dim; ++d) {
        panels[(p / 32 * head_dim + d) * 32 + p % 32] = keys[p * head_dim + d];
      }
      for (std::int64_t d = 0; d < value_dim; ++d) {
        value_buffers[static_cast<std::size_t>(p / 32)][p % 32 * value_stride + d] = values[p * value_dim + d];
      }
    }
    key_panels.clear();
    value_blocks.clear();
    for (std::int64_t b = 0; b < blocks; ++b) {
      key_panels.push_back(panels.data() + b * 32 * head_dim);
      value_blocks.push_back(value_buffers[static_cast<std::size_t>(b)].data());
    }
  }
};

struct Result {
  Buffer out, weights;
};

Result attend(const KernelTable& table, const Memory& memory, const float* q, const std::vector<std::int64_t>& counts,
              bool with_weights = true, float scale = 0.3F) {
  const auto rows = static_cast<std::int64_t>(counts.size());
  Result result{Buffer(rows * memory.value_dim, kNan), Buffer(rows * memory.positions, kNan)};
  Buffer scratch(attention_scratch_size(rows, memory.value_dim), kNan);
  const AttentionF32 args{rows,
                          memory.head_dim,
                          memory.value_dim,
                          q,
                          memory.head_dim,
                          memory.key_panels.data(),
                          memory.value_blocks.data(),
                          memory.value_stride,
                          counts.data(),
                          scale,
                          result.out.data(),
                          memory.value_dim,
                          with_weights ? result.weights.data() : nullptr,
                          memory.positions,
                          memory.positions,
                          scratch.data()};
  table.attention_f32(&args);
  return result;
}

void check_against_reference(const Memory& memory, const Buffer& q, const std::vector<std::int64_t>& counts,
                             const Result& result) {
  std::vector<double> out, weights;
  for (std::size_t r = 0; r < counts.size(); ++r) {
    std::vector<double> row(static_cast<std::size_t>(memory.positions), 0.0);
    double sum = 0.0;
    for (std::int64_t p = 0; p < counts[r]; ++p) {
      double score = 0.0;
      for (std::int64_t d = 0; d < memory.head_dim; ++d) {
        score += double{q[static_cast<std::int64_t>(r) * memory.head_dim + d]} * memory.keys[p * memory.head_dim + d];
      }
      sum += row[static_cast<std::size_t>(p)] = std::exp(double{0.3F} * score);
    }
    for (std::int64_t d = 0; d < memory.value_dim; ++d) {
      double mean = 0.0;
      for (std::int64_t p = 0; p < counts[r]; ++p) {
        mean += row[static_cast<std::size_t>(p)] / sum * memory.values[p * memory.value_dim + d];
      }
      out.push_back(mean);
    }
    for (const double weight : row) weights.push_back(counts[r] == 0 ? 0.0 : weight / sum);
  }
  CHECK(largest_error(result.out, out) < 2e-6);
  CHECK(largest_error(result.weights, weights) < 2e-6);
}

TEST_CASE("attention equals the float64 reference") {
  for (const std::int64_t positions : {1, 31, 32, 33, 255, 256, 257, 600}) {
    for (const std::int64_t head_dim : {1, 8, 64, 300}) {
      for (const std::int64_t value_dim : {1, 7, 16, 67, 128}) {
        const Memory memory(positions, head_dim, value_dim);
        const Buffer q = random_values(13 * head_dim, 23, -2.0F, 2.0F);
        for_each_tier([&](const KernelTable& table) {
          for (const std::int64_t rows : {1, 2, 5, 13}) {
            CAPTURE(positions);
            CAPTURE(head_dim);
            CAPTURE(value_dim);
            CAPTURE(rows);
            std::vector<std::int64_t> counts;
            for (std::int64_t r = 0; r < rows; ++r) counts.push_back(std::max<std::int64_t>(0, positions - r * 37));
            const Result result = attend(table, memory, q.data(), counts);
            check_against_reference(memory, q, counts, result);
          }
        });
      }
    }
  }
}

TEST_CASE("a causal prefill has the bits of one query at a time, whatever the rows around it") {
  const std::int64_t positions = 540, head_dim = 40, value_dim = 52;
  const Memory memory(positions, head_dim, value_dim);
  const Buffer q = random_values(positions * head_dim, 24, -2.0F, 2.0F);
  std::vector<std::int64_t> counts;
  for (std::int64_t p = 0; p < positions; ++p) counts.push_back(p + 1);
  for_each_tier([&](const KernelTable& table) {
    const Result whole = attend(table, memory, q.data(), counts);
    for (std::int64_t p = 0; p < positions; ++p) {
      CAPTURE(p);
      const Result step = attend(table, memory, q.data() + p * head_dim, {p + 1}, p % 2 == 0);
      CHECK(same_bits(step.out.data(), whole.out.data() + p * value_dim, value_dim));
      if (p % 2 == 0) CHECK(same_bits(step.weights.data(), whole.weights.data() + p * positions, positions));
    }
    for (const std::int64_t chunk : {2, 7, 50}) {
      for (std::int64_t p = 0; p + chunk <= positions; p += chunk) {
        const Result part = attend(table, memory, q.data() + p * head_dim, {&counts[p], &counts[p] + chunk});
        CHECK(same_bits(part.out.data(), whole.out.data() + p * value_dim, chunk * value_dim));
      }
    }
  });
}

TEST_CASE("what lies beyond a row's keys does not touch it, NaN and infinities included") {
  const Memory clean(300, 16, 24);
  Memory poisoned(300, 16, 24);
  for (std::int64_t i = 270 * 16; i < 300 * 16; ++i) poisoned.keys[i] = i % 2 == 0 ? kNan : kInf;
  for (std::int64_t i = 270 * 24; i < 300 * 24; ++i) poisoned.values[i] = i % 2 == 0 ? kNan : -kInf;
  poisoned.lay_out();
  const Buffer q = random_values(6 * 16, 25);
  // The last row sees the poison; its neighbours in the same group must not notice.
  const std::vector<std::int64_t> counts{270, 269, 1, 0, 256, 300};
  for_each_tier([&](const KernelTable& table) {
    const Result expected = attend(table, clean, q.data(), counts);
    const Result got = attend(table, poisoned, q.data(), counts);
    CHECK(same_bits(got.out.data(), expected.out.data(), 5 * 24));
    CHECK(same_bits(got.weights.data(), expected.weights.data(), 5 * 300));
    CHECK(std::isnan(got.out[5 * 24]));
    for (std::int64_t d = 0; d < 24; ++d) CHECK(same_bits(&got.out[3 * 24 + d], &Buffer(1)[0], 1));
    for (std::int64_t p = 1; p < 300; ++p) CHECK(got.weights[2 * 300 + p] == 0.0F);
  });
}

TEST_CASE("scores of -inf have probability 0, and a row of nothing else gives zeros") {
  Memory memory(280, 1, 3);
  std::fill_n(memory.keys.data(), 280, -kInf);
  memory.keys[270] = 2.0F;
  memory.lay_out();
  const Buffer q({1.0F, 1.0F});
  for_each_tier([&](const KernelTable& table) {
    const Result result = attend(table, memory, q.data(), {280, 260});
    CHECK(same_bits(result.out.data(), memory.values.data() + 270 * 3, 3));
    CHECK(result.weights[270] == 1.0F);
    for (std::int64_t d = 3; d < 6; ++d) CHECK(result.out[d] == 0.0F);
    for (std::int64_t p = 280; p < 560; ++p) CHECK(result.weights[p] == 0.0F);
  });
}

TEST_CASE("scores far apart neither overflow nor lose the largest") {
  Memory memory(600, 1, 2);
  for (std::int64_t p = 0; p < 600; ++p) memory.keys[p] = static_cast<float>(p) * 1000.0F;
  memory.lay_out();
  const Buffer q({1.0F, -1.0F});
  for_each_tier([&](const KernelTable& table) {
    const Result result = attend(table, memory, q.data(), {600, 600});
    CHECK(same_bits(result.out.data(), memory.values.data() + 599 * 2, 2));
    CHECK(same_bits(result.out.data() + 2, memory.values.data(), 2));
  });
}

}  // namespace
}  // namespace pyseq
