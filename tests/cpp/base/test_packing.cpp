#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "base/bfloat16.h"
#include "base/packing.h"
#include "threads_fixture.h"

using namespace pyseq;
using namespace pyseq::testing;

namespace {

Tensor random_weight(std::int64_t rows, std::int64_t in) {
  Tensor weight = Tensor::empty(DType::float32, Shape{rows, in});
  std::mt19937 random(static_cast<unsigned>(rows * 1000 + in));
  // Never zero, so that padding and weights cannot be taken for each other.
  std::uniform_real_distribution<float> uniform(1.0f, 2.0f);
  for (std::int64_t i = 0; i < weight.num_elements(); ++i) weight.mutable_data<float>()[i] = uniform(random);
  return weight;
}

/// The layout as packing.h tells it, one value at a time: visits (offset in storage, row of the weight or -1, k).
template <typename Visit>
void visit_layout(std::int64_t units, int gates, std::int64_t in, Visit visit) {
  std::int64_t offset = 0;
  for (std::int64_t first = 0; first < units; first += 32) {
    const std::int64_t count = std::min<std::int64_t>(32, units - first);
    const std::int64_t width = count > 16 ? 32 : 16;
    for (int gate = 0; gate < gates; ++gate) {
      for (std::int64_t k = 0; k < in; ++k) {
        for (std::int64_t column = 0; column < width; ++column) {
          visit(offset++, column < count ? gate * units + first + column : -1, k);
        }
      }
    }
  }
}

constexpr std::int64_t kUnits[] = {1, 2, 15, 16, 17, 31, 32, 33, 47, 48, 49, 63, 64, 65, 100, 257};
constexpr std::int64_t kIns[] = {1, 3, 16, 17, 64, 100};

}  // namespace

TEST_CASE("packed weights have the documented layout, with zeros in the padding") {
  for (const std::int64_t units : kUnits) {
    for (const int gates : {1, 2, 3, 4}) {
      for (const std::int64_t in : kIns) {
        const Tensor weight = random_weight(units * gates, in);
        const Tensor packed = pack_weight(weight, gates);
        const auto* stored = packed.data<float>();
        std::int64_t size = 0, wrong = 0;
        visit_layout(units, gates, in, [&](std::int64_t offset, std::int64_t row, std::int64_t k) {
          size = offset + 1;
          wrong += stored[offset] != (row < 0 ? 0.0f : weight.data<float>()[row * in + k]);
        });
        CAPTURE(units);
        CAPTURE(gates);
        CAPTURE(in);
        CHECK(wrong == 0);
        CHECK(size == packed_size(units, gates, in));
        CHECK(packed.num_bytes() == static_cast<std::size_t>(size) * sizeof(float));
      }
    }
  }
}

TEST_CASE("unpacking is the inverse of packing") {
  for (const std::int64_t units : kUnits) {
    for (const int gates : {1, 3, 4}) {
      const Tensor weight = random_weight(units * gates, 37);
      const Tensor packed = pack_weight(weight, gates);
      CHECK(packed.shape() == weight.shape());
      CHECK(packed.panel_gates() == gates);
      const Tensor back = unpack_weight(packed);
      CHECK_FALSE(back.is_packed());
      CHECK(back.shape() == weight.shape());
      CHECK(std::equal(back.values<float>().begin(), back.values<float>().end(), weight.values<float>().begin()));
    }
  }
}

TEST_CASE("narrow storage types group consecutive k, with zeros in the padding") {
  for (const std::int64_t units : {1, 17, 32, 50}) {
    for (const int gates : {1, 3}) {
      for (const std::int64_t in : {1, 3, 4, 17, 100}) {
        const Tensor weight = random_weight(units * gates, in);
        const Tensor halves = pack_weight(weight, gates, DType::bfloat16);
        const Tensor bytes = pack_weight(weight, gates, DType::int8);
        const PackedInt8 parts = packed_int8(bytes);
        const std::int64_t columns = gates * padded_columns(units);
        std::vector<std::int32_t> sums(static_cast<std::size_t>(columns));
        std::int64_t wrong = 0;
        // The float32 layout gives the place of every (row, k); panels start at its multiples of `in`.
        visit_layout(units, gates, in, [&](std::int64_t offset, std::int64_t row, std::int64_t k) {
          const std::int64_t block = std::min(offset / in / (gates * 32) * 32, units - 1) / 32 * 32;
          const std::int64_t width = units - block > 16 ? 32 : 16;
          const std::int64_t in_block = offset - block * gates * in, panel = in_block / (in * width);
          const std::int64_t first = block * gates + panel * width, column = in_block % width;
          const auto place = [&](std::int64_t group) {
            return first * ((in + group - 1) / group * group) + (k / group * width + column) * group + k % group;
          };
          const float value = row < 0 ? 0.0f : weight.data<float>()[row * in + k];
          wrong += halves.data<BFloat16>()[place(2)] != to_bfloat16(value);
          const float scale = parts.scales[first + column];
          const std::int8_t q = parts.panels[place(4)];
          wrong += std::abs(scale * q - value) > scale * 0.5001f;
          sums[static_cast<std::size_t>(first + column)] += q;
        });
        CAPTURE(units);
        CAPTURE(gates);
        CAPTURE(in);
        CHECK(wrong == 0);
        CHECK(std::equal(sums.begin(), sums.end(), parts.sums));
        CHECK(halves.num_bytes() == static_cast<std::size_t>(columns * ((in + 1) / 2 * 2) * 2));
        CHECK(bytes.num_bytes() == static_cast<std::size_t>(columns * ((in + 3) / 4 * 4 + 8)));
      }
    }
  }
}

TEST_CASE("unpacking narrow storage gives what the values stand for") {
  const Tensor weight = random_weight(3 * 50, 37);
  const Tensor half = unpack_weight(pack_weight(weight, 3, DType::bfloat16));
  const Tensor byte = unpack_weight(pack_weight(weight, 3, DType::int8));
  for (std::int64_t i = 0; i < weight.num_elements(); ++i) {
    CHECK(half.data<float>()[i] == to_float(to_bfloat16(weight.data<float>()[i])));
    CHECK(std::abs(byte.data<float>()[i] - weight.data<float>()[i]) <= 2.0f / 127 * 0.501f);
  }
}

TEST_CASE("bfloat16 rounds to nearest, ties to even, and keeps NaN") {
  const auto bits = [](float value) { return static_cast<int>(to_bfloat16(value)); };
  CHECK(bits(1.0f) == 0x3F80);
  CHECK(bits(1.0f + 0x1p-8f) == 0x3F80);  // a tie
  CHECK(bits(1.0f + 0x1p-8f + 0x1p-20f) == 0x3F81);
  CHECK(bits(1.0f + 3 * 0x1p-8f) == 0x3F82);  // a tie
  CHECK(bits(std::numeric_limits<float>::max()) == 0x7F80);
  CHECK(std::isnan(to_float(to_bfloat16(std::numeric_limits<float>::quiet_NaN()))));
}

TEST_CASE("int8 weights: rows of zeros, of one tiny value, and values that are not finite") {
  Tensor weight = Tensor::zeros(DType::float32, Shape{3, 5});
  weight.mutable_data<float>()[7] = std::numeric_limits<float>::denorm_min();
  weight.mutable_data<float>()[10] = 1e38f;
  const Tensor back = unpack_weight(pack_weight(weight, 1, DType::int8));
  CHECK(back.data<float>()[0] == 0.0f);
  CHECK(back.data<float>()[10] == doctest::Approx(1e38f));
  weight.mutable_data<float>()[11] = std::numeric_limits<float>::infinity();
  CHECK_THROWS_WITH_AS(pack_weight(weight, 1, DType::int8),
                       "pack_weight: weight has inf in row 2, expected finite values for int8", ValueError);
  CHECK_THROWS_AS(pack_weight(weight, 1, DType::int32), DTypeError);
}

TEST_CASE("a bias is packed in the column order of its weight") {
  for (const std::int64_t units : kUnits) {
    for (const int gates : {1, 3, 4}) {
      const Tensor bias = random_weight(units * gates, 1);
      std::vector<float> packed(static_cast<std::size_t>(gates * padded_columns(units)), -1.0f);
      pack_bias(bias.data<float>(), units, gates, packed.data());
      std::int64_t wrong = 0;
      visit_layout(units, gates, 1, [&](std::int64_t offset, std::int64_t row, std::int64_t) {
        wrong += packed[static_cast<std::size_t>(offset)] != (row < 0 ? 0.0f : bias.data<float>()[row]);
      });
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("large weights are packed on several threads alike") {
  const Tensor weight = random_weight(4 * 300, 500);
  const auto pack_with = [&weight](int threads) {
    const ThreadSettings settings(ThreadBackend::pool, threads);
    return pack_weight(weight, 4);
  };
  const Tensor one = pack_with(1), five = pack_with(5);
  const auto* bytes = static_cast<const char*>(one.raw());
  CHECK(std::equal(bytes, bytes + one.num_bytes(), static_cast<const char*>(five.raw())));
}

TEST_CASE("empty weights") {
  for (const Shape& shape : {Shape{0, 5}, Shape{5, 0}, Shape{0, 0}}) {
    const Tensor packed = pack_weight(Tensor::zeros(DType::float32, shape));
    CHECK(packed.shape() == shape);
    CHECK(unpack_weight(packed).shape() == shape);
  }
}

TEST_CASE("what cannot be packed") {
  CHECK_THROWS_WITH_AS(pack_weight(random_weight(10, 2), 3),
                       "pack_weight: weight is [10, 2], expected [gates * units, in] with 3 gates", ShapeError);
  CHECK_THROWS_AS(pack_weight(random_weight(10, 2), 0), ShapeError);
  CHECK_THROWS_AS(pack_weight(Tensor::zeros(DType::float32, Shape{10})), ShapeError);
  CHECK_THROWS_AS(pack_weight(Tensor::zeros(DType::int64, Shape{10, 2})), DTypeError);
  CHECK_THROWS_AS(pack_weight(pack_weight(random_weight(10, 2))), ShapeError);
  CHECK_THROWS_AS(unpack_weight(random_weight(10, 2)), ShapeError);
}
