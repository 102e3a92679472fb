// gemm_bf16 and gemm_int8, and the kernels that make rows ready for them.
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "base/bfloat16.h"
#include "base/packing.h"
#include "fixture.h"

namespace pyseq {
namespace {

constexpr std::int64_t kRows = 25;
constexpr std::int64_t kRowCounts[] = {0, 1, 2, 3, 4, 5, 7, 12, 13, 25};
constexpr std::int64_t kDepths[] = {1, 2, 3, 7, 64, 255, 257, 513, 1030};
constexpr std::int64_t kColumnCounts[] = {1, 16, 17, 33, 48, 100, 256, 300};

/// Values of every magnitude, so that ties and both signs occur.
Tensor random_matrix(std::int64_t rows, std::int64_t columns, unsigned seed) {
  const Buffer values = random_values(rows * columns, seed, -3.0F, 3.0F);
  return Tensor::from<float>(Shape{rows, columns},
                             std::span<const float>(values.data(), values.data() + values.size()));
}

struct NarrowProduct {
  std::int64_t n, k;
  Tensor a = random_matrix(kRows, k, 1), weight = random_matrix(n, k, 2);
  Buffer bias = random_values(n, 3), residual = random_values(kRows * n, 4);
  GemmEpilogue epilogue(Activation activation) const { return {bias.data(), activation, residual.data(), n}; }
};

/// Rows of `a` as one tier stores them, and the product of some of them.
struct Bfloat16Run {
  const NarrowProduct& product;
  Tensor packed = pack_weight(product.weight, 1, DType::bfloat16);
  std::int64_t stride = padded_depth(DType::bfloat16, product.k);
  std::vector<std::uint16_t> rows = std::vector<std::uint16_t>(static_cast<std::size_t>(kRows * stride), 0xFFFF);

  Bfloat16Run(const NarrowProduct& p, const KernelTable& table) : product(p) {
    const RoundRowsBf16 args{kRows, p.k, p.a.data<float>(), p.k, rows.data(), stride};
    table.round_rows_bf16(&args);
  }
  Buffer run(const KernelTable& table, std::int64_t first, std::int64_t m, const GemmEpilogue& epilogue = {}) const {
    Buffer c(m * product.n, kNan);
    GemmEpilogue moved = epilogue;
    if (moved.residual != nullptr) moved.residual += first * product.n;
    const GemmBf16 args{m,         product.n,
                        product.k, rows.data() + first * stride,
                        stride,    reinterpret_cast<const std::uint16_t*>(packed.data<BFloat16>()),
                        32,        moved,
                        c.data(),  product.n};
    table.gemm_bf16(&args);
    return c;
  }
};

struct Int8Run {
  const NarrowProduct& product;
  Tensor packed = pack_weight(product.weight, 1, DType::int8);
  PackedInt8 parts = packed_int8(packed);
  std::int64_t stride = padded_depth(DType::int8, product.k);
  std::vector<std::int8_t> rows = std::vector<std::int8_t>(static_cast<std::size_t>(kRows * stride), 77);
  std::vector<QuantizedRow> quantized = std::vector<QuantizedRow>(kRows);

  Int8Run(const NarrowProduct& p, const KernelTable& table) : product(p) {
    const QuantizeRowsInt8 args{kRows, p.k, p.a.data<float>(), p.k, rows.data(), stride, quantized.data()};
    table.quantize_rows_int8(&args);
  }
  Buffer run(const KernelTable& table, std::int64_t first, std::int64_t m, const GemmEpilogue& epilogue = {}) const {
    Buffer c(m * product.n, kNan);
    GemmEpilogue moved = epilogue;
    if (moved.residual != nullptr) moved.residual += first * product.n;
    const GemmInt8 args{m,
                        product.n,
                        product.k,
                        rows.data() + first * stride,
                        stride,
                        quantized.data() + first,
                        parts.panels,
                        32,
                        parts.scales,
                        parts.sums,
                        moved,
                        c.data(),
                        product.n};
    table.gemm_int8(&args);
    return c;
  }
};

template <typename Test>
void for_each_shape(Test test) {
  for (const std::int64_t n : kColumnCounts) {
    for (const std::int64_t k : kDepths) {
      const NarrowProduct product{n, k};
      CAPTURE(n);
      CAPTURE(k);
      for_each_tier([&](const KernelTable& table) { test(product, table); });
    }
  }
}

/// What int8 stands for, without its zero: the reference of quantize_rows_int8.
std::int64_t steps_of(float value, float scale) {
  return scale == 0.0F ? 0 : std::llrint(value * (1.0F / scale));
}

TEST_CASE("gemm_bf16 equals the float64 product of the rounded values for every shape") {
  for_each_shape([](const NarrowProduct& product, const KernelTable& table) {
    const Tensor weight = unpack_weight(pack_weight(product.weight, 1, DType::bfloat16));
    std::vector<double> expected;
    for (std::int64_t r = 0; r < kRows; ++r) {
      for (std::int64_t column = 0; column < product.n; ++column) {
        double sum = 0.0;
        for (std::int64_t i = 0; i < product.k; ++i) {
          const double value = to_float(to_bfloat16(product.a.data<float>()[r * product.k + i]));
          sum += value * weight.data<float>()[column * product.k + i];
        }
        expected.push_back(sum);
      }
    }
    // Sums of a thousand products of up to 9 in float32.
    CHECK(largest_error(Bfloat16Run(product, table).run(table, 0, kRows), expected) < 5e-5);
  });
}

TEST_CASE("gemm_int8 is the exact integer product times both scales, for every shape") {
  for_each_shape([](const NarrowProduct& product, const KernelTable& table) {
    const Int8Run run(product, table);
    const Tensor weight = unpack_weight(run.packed);
    const Buffer c = run.run(table, 0, kRows);
    std::int64_t wrong = 0;
    for (std::int64_t r = 0; r < kRows; ++r) {
      for (std::int64_t column = 0; column < product.n; ++column) {
        std::int64_t sum = 0;
        for (std::int64_t i = 0; i < product.k; ++i) {
          const float scale = run.parts.scales[column];
          sum +=
              steps_of(product.a.data<float>()[r * product.k + i], run.quantized[static_cast<std::size_t>(r)].scale) *
              std::llrint(weight.data<float>()[column * product.k + i] / scale);
        }
        const float scale = run.quantized[static_cast<std::size_t>(r)].scale * run.parts.scales[column];
        wrong += c[r * product.n + column] != static_cast<float>(sum) * scale;
      }
    }
    CHECK(wrong == 0);
  });
}

TEST_CASE("narrow products: a row has the same bits among any number of rows, fused like the separate kernels") {
  for_each_shape([](const NarrowProduct& product, const KernelTable& table) {
    const auto check = [&](const auto& run) {
      const Buffer plain = run.run(table, 0, kRows);
      for (const std::int64_t m : kRowCounts) {
        const Buffer some = run.run(table, kRows - m, m);
        CHECK(same_bits(some.data(), plain.data() + (kRows - m) * product.n, m * product.n));
      }
      Buffer separate = plain;
      const BinaryF32 with_bias{separate.size(), product.n, separate.data(), product.bias.data(), separate.data()};
      table.add_f32(&with_bias);
      const ActivationF32 activated{separate.size(), separate.data(), Activation::tanh, separate.data()};
      table.activation_f32(&activated);
      const BinaryF32 sum{separate.size(), separate.size(), separate.data(), product.residual.data(), separate.data()};
      table.add_f32(&sum);
      CHECK(same_bits(run.run(table, 0, kRows, product.epilogue(Activation::tanh)), separate));
    };
    check(Bfloat16Run(product, table));
    check(Int8Run(product, table));
  });
}

TEST_CASE("rows are rounded to bfloat16 like weights, and a filled-up pair ends in zero") {
  const Buffer x{1.0F, 1.00390625F, 1.01171875F, -3.1415926F, kNan, kInf, -kInf, 1e-40F, 3.4e38F, -0.0F, 65504.0F};
  for_each_tier([&](const KernelTable& table) {
    std::vector<std::uint16_t> y(12, 0xFFFF);
    const RoundRowsBf16 args{1, 11, x.data(), 11, y.data(), 12};
    table.round_rows_bf16(&args);
    for (std::int64_t i = 0; i < 11; ++i) CHECK(y[static_cast<std::size_t>(i)] == static_cast<int>(to_bfloat16(x[i])));
    CHECK(y[11] == 0);
  });
}

TEST_CASE("quantised rows: every value within half a step of 254 from the least to the largest, zeros exact") {
  const std::int64_t k = 64;
  NarrowProduct product{k, k};
  const Buffer values = random_values(kRows * k, 5, 0.0F, 24.0F);
  float* a = product.a.mutable_data<float>();
  float* weight = product.weight.mutable_data<float>();
  for (std::int64_t row = 0; row < k; ++row) {
    for (std::int64_t i = 0; i < k; ++i) weight[row * k + i] = row == i ? 1.0F : 0.0F;
  }
  for (std::int64_t row = 0; row < kRows; ++row) {  // from no negative value to no positive one
    for (std::int64_t i = 0; i < k; ++i) a[row * k + i] = values[row * k + i] - static_cast<float>(row);
    a[row * k + 7] = 0.0F;
  }
  for_each_tier([&](const KernelTable& table) {
    const Int8Run run(product, table);
    const Buffer c = run.run(table, 0, kRows);
    for (std::int64_t row = 0; row < kRows; ++row) {
      const float scale = run.quantized[static_cast<std::size_t>(row)].scale;
      const auto [low, high] = std::minmax_element(a + row * k, a + (row + 1) * k);
      CHECK(scale == doctest::Approx((*high - *low) / 254).epsilon(1e-6));
      CHECK(c[row * k + 7] == 0.0F);
      float error = 0.0F;
      for (std::int64_t i = 0; i < k; ++i) error = std::max(error, std::abs(c[row * k + i] - a[row * k + i]));
      CHECK(error < 0.50001F * scale);
    }
  });
}

TEST_CASE("quantised rows: zeros, tiny values, and values that are not finite") {
  const std::int64_t k = 37, n = 20;
  NarrowProduct product{n, k};
  float* a = product.a.mutable_data<float>();
  for (std::int64_t i = 0; i < k; ++i) {
    a[i] = 0.0F;
    a[k + i] = 1e-44F;
    a[5 * k + i] = 3e38F;
  }
  a[2 * k + 36] = kNan;
  a[3 * k + 5] = kInf;
  a[4 * k] = -kInf;
  for_each_tier([&](const KernelTable& table) {
    const Int8Run run(product, table);
    const Buffer c = run.run(table, 0, kRows);
    for (std::int64_t column = 0; column < n; ++column) {
      CHECK(c[column] == 0.0F);
      CHECK(std::abs(c[n + column]) < 1e-40F);
      for (const std::int64_t row : {2, 3, 4}) CHECK(std::isnan(c[row * n + column]));
      CHECK_FALSE(std::isnan(c[5 * n + column]));
      CHECK(std::isfinite(c[6 * n + column]));
    }
  });
}

}  // namespace
}  // namespace pyseq
