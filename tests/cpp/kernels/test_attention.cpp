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
  std::vector<KeyPart> parts;

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
    parts.clear();
    for (std::int64_t b = 0; b < blocks; ++b) {
      parts.push_back({panels.data() + b * 32 * head_dim, value_buffers[static_cast<std::size_t>(b)].data(), nullptr,
                       b * 32, std::min(positions, b * 32 + 32)});
    }
  }
};

struct Result {
  Buffer out, weights;
};

/// All that attention needs but where its results go.
AttentionRun arguments(const Memory& memory, const float* q, const std::vector<std::int64_t>& ends,
                       float scale = 0.3F) {
  return {.storage = KeyStorage::float32,
          .rows = static_cast<std::int64_t>(ends.size()),
          .head_dim = memory.head_dim,
          .value_dim = memory.value_dim,
          .q = q,
          .q_stride = memory.head_dim,
          .parts = memory.parts.data(),
          .part_count = static_cast<std::int64_t>(memory.parts.size()),
          .value_stride = memory.value_stride,
          .key_begins = nullptr,
          .key_ends = ends.data(),
          .range_stride = 1,
          .scale = scale,
          .bias = nullptr,
          .bias_stride = 0,
          .slopes = nullptr,
          .slope_stride = 0,
          .out = nullptr,
          .out_stride = memory.value_dim,
          .weights = nullptr,
          .weights_stride = memory.positions,
          .weights_count = memory.positions,
          .scratch = nullptr};
}

Result run(const KernelTable& table, AttentionRun args, bool with_weights = true) {
  Result result{Buffer(args.rows * args.value_dim, kNan), Buffer(args.rows * args.weights_count, kNan)};
  Buffer scratch(attention_scratch_size(args.head_dim, args.value_dim), kNan);
  args.out = result.out.data();
  args.weights = with_weights ? result.weights.data() : nullptr;
  args.scratch = scratch.data();
  table.attention(&args);
  return result;
}

Result attend(const KernelTable& table, const Memory& memory, const float* q, const std::vector<std::int64_t>& ends,
              bool with_weights = true, float scale = 0.3F) {
  return run(table, arguments(memory, q, ends, scale), with_weights);
}

void check_against_reference(const Memory& memory, const AttentionRun& args, const Result& result,
                             double tolerance = 2e-6) {
  std::vector<double> out, weights;
  for (std::int64_t r = 0; r < args.rows; ++r) {
    std::vector<double> row(static_cast<std::size_t>(memory.positions), 0.0);
    const std::int64_t begin = args.key_begins == nullptr ? 0 : args.key_begins[r], end = args.key_ends[r];
    double sum = 0.0;
    for (std::int64_t p = begin; p < end; ++p) {
      double score = 0.0;
      for (std::int64_t d = 0; d < memory.head_dim; ++d) {
        score += double{args.q[r * memory.head_dim + d]} * memory.keys[p * memory.head_dim + d];
      }
      score *= double{args.scale};
      if (args.bias != nullptr) score += args.bias[r * args.bias_stride + p];
      if (args.slopes != nullptr) score += double{args.slopes[r * args.slope_stride]} * static_cast<double>(p - end);
      sum += row[static_cast<std::size_t>(p)] = std::exp(score);
    }
    for (std::int64_t d = 0; d < memory.value_dim; ++d) {
      double mean = 0.0;
      for (std::int64_t p = begin; p < end; ++p) {
        mean += row[static_cast<std::size_t>(p)] / sum * memory.values[p * memory.value_dim + d];
      }
      out.push_back(mean);
    }
    for (const double weight : row) weights.push_back(begin >= end ? 0.0 : weight / sum);
  }
  CHECK(largest_error(result.out, out) < tolerance);
  CHECK(largest_error(result.weights, weights) < tolerance);
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
            const AttentionRun args = arguments(memory, q.data(), counts);
            check_against_reference(memory, args, run(table, args));
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

TEST_CASE("a window, a bias and slopes equal the float64 reference, and rows go alone with the same bits") {
  const std::int64_t positions = 600, rows = 13;
  const Memory memory(positions, 20, 33);
  const Buffer q = random_values(rows * 20, 23, -2.0F, 2.0F);
  const Buffer bias = random_values(rows * positions, 26, -3.0F, 3.0F), slopes = random_values(rows, 27, 0.0F, 0.1F);
  std::vector<std::int64_t> begins, ends;
  for (std::int64_t r = 0; r < rows; ++r) {
    ends.push_back(positions - r * 29);
    begins.push_back(r % 3 == 0 ? 0 : std::max<std::int64_t>(0, ends.back() - r * 41));
  }
  for_each_tier([&](const KernelTable& table) {
    AttentionRun args = arguments(memory, q.data(), ends);
    args.key_begins = begins.data();
    args.bias = bias.data();
    args.bias_stride = positions;
    args.slopes = slopes.data();
    args.slope_stride = 1;
    const Result whole = run(table, args);
    check_against_reference(memory, args, whole);
    for (std::int64_t r = 0; r < rows; ++r) {
      CAPTURE(r);
      AttentionRun one = args;
      one.rows = 1;
      one.q += r * 20;
      one.key_begins += r;
      one.key_ends += r;
      one.bias += r * positions;
      one.slopes += r;
      const Result alone = run(table, one);
      CHECK(same_bits(alone.out.data(), whole.out.data() + r * 33, 33));
      CHECK(same_bits(alone.weights.data(), whole.weights.data() + r * positions, positions));
    }
  });
}

TEST_CASE("positions that stand in several blocks of memory give the bits of one") {
  const Memory memory(300, 16, 24);
  // Every part but the first of a block holds its own lanes only; the other lanes are NaN.
  std::vector<std::vector<float>> panels, values;
  std::vector<KeyPart> parts;
  for (const KeyPart& whole : memory.parts) {
    for (const std::int64_t lane : {0, 3, 17, 20}) {
      const std::int64_t begin = whole.begin + lane;
      const std::int64_t end = std::min(whole.end, whole.begin + (lane == 0    ? 3
                                                                  : lane == 3  ? 17
                                                                  : lane == 17 ? 20
                                                                               : 32));
      if (begin >= end) continue;
      panels.emplace_back(std::size_t{32 * 16}, kNan);
      values.emplace_back(static_cast<std::size_t>(32 * memory.value_stride), kNan);
      for (std::int64_t p = begin; p < end; ++p) {
        for (std::int64_t d = 0; d < 16; ++d)
          panels.back()[static_cast<std::size_t>(d * 32 + p % 32)] = memory.keys[p * 16 + d];
        for (std::int64_t d = 0; d < 24; ++d) {
          values.back()[static_cast<std::size_t>(p % 32 * memory.value_stride + d)] = memory.values[p * 24 + d];
        }
      }
      parts.push_back({panels.back().data(), values.back().data(), nullptr, begin, end});
    }
  }
  const Buffer q = random_values(5 * 16, 25);
  const std::vector<std::int64_t> begins = {0, 5, 18, 290, 255}, ends = {300, 270, 33, 292, 257};
  for_each_tier([&](const KernelTable& table) {
    for (const bool windows : {false, true}) {
      AttentionRun args = arguments(memory, q.data(), ends);
      if (windows) args.key_begins = begins.data();
      const Result expected = run(table, args);
      args.parts = parts.data();
      args.part_count = static_cast<std::int64_t>(parts.size());
      const Result got = run(table, args);
      CHECK(same_bits(got.out.data(), expected.out.data(), 5 * 24));
      CHECK(same_bits(got.weights.data(), expected.weights.data(), 5 * 300));
    }
  });
}

/// The memory with keys and values rounded as storage holds them, and its parts in that storage.
struct NarrowMemory {
  Memory rounded;
  std::vector<std::vector<std::byte>> blocks;
  std::vector<std::vector<float>> scales;
  std::vector<KeyPart> parts;
  std::int64_t value_stride;

  NarrowMemory(KeyStorage storage, std::int64_t positions, std::int64_t head_dim, std::int64_t value_dim)
      : rounded(positions, head_dim, value_dim), value_stride((value_dim + 15) / 16 * 16) {
    const std::int64_t item = storage == KeyStorage::bfloat16 ? 2 : 1;
    for (std::int64_t begin = 0; begin < positions; begin += 32) {
      blocks.emplace_back(static_cast<std::size_t>(32 * (head_dim + value_stride) * item));
      scales.emplace_back(64, kNan);
      for (std::int64_t p = begin; p < std::min(positions, begin + 32); ++p) {
        const auto lane = static_cast<std::size_t>(p % 32);
        const auto put = [&](float* row, std::int64_t n, std::int64_t at, std::int64_t stride, float& scale) {
          scale = storage == KeyStorage::int8 ? 1.0F / 127.0F : 1.0F;
          for (std::int64_t i = 0; i < n; ++i) {
            std::byte* out = blocks.back().data() + (at + i * stride) * item;
            if (storage == KeyStorage::int8) {
              const auto q = static_cast<std::int8_t>(std::lround(row[i] * 127.0F));
              std::memcpy(out, &q, 1);
              row[i] = static_cast<float>(q) * scale;
            } else {
              const std::uint32_t bits = std::bit_cast<std::uint32_t>(row[i]) & 0xFFFF0000U;
              const auto half = static_cast<std::uint16_t>(bits >> 16);
              std::memcpy(out, &half, 2);
              row[i] = std::bit_cast<float>(bits);
            }
          }
        };
        put(rounded.keys.data() + p * head_dim, head_dim, p % 32, 32, scales.back()[lane]);
        put(rounded.values.data() + p * value_dim, value_dim, 32 * head_dim + p % 32 * value_stride, 1,
            scales.back()[32 + lane]);
      }
      parts.push_back({blocks.back().data(), blocks.back().data() + 32 * head_dim * item, scales.back().data(), begin,
                       std::min(positions, begin + 32)});
    }
  }
};

TEST_CASE("bfloat16 and int8 keys and values equal the reference of what they stand for") {
  for (const KeyStorage storage : {KeyStorage::bfloat16, KeyStorage::int8}) {
    for (const std::int64_t value_dim : {5, 64}) {
      const NarrowMemory memory(storage, 300, 24, value_dim);
      const Buffer q = random_values(13 * 24, 23, -2.0F, 2.0F);
      std::vector<std::int64_t> ends;
      for (std::int64_t r = 0; r < 13; ++r) ends.push_back(300 - r * 19);
      for_each_tier([&](const KernelTable& table) {
        AttentionRun args = arguments(memory.rounded, q.data(), ends);
        args.storage = storage;
        args.parts = memory.parts.data();
        args.value_stride = memory.value_stride;
        const Result whole = run(table, args);
        check_against_reference(memory.rounded, args, whole);
        for (std::int64_t r = 0; r < 13; ++r) {
          AttentionRun one = args;
          one.rows = 1;
          one.q += r * 24;
          one.key_ends += r;
          CHECK(same_bits(run(table, one).out.data(), whole.out.data() + r * value_dim, value_dim));
        }
      });
    }
  }
}

}  // namespace
}  // namespace pyseq
