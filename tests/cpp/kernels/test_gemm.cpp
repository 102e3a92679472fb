#include <algorithm>

#include "fixture.h"

namespace pyseq {
namespace {

constexpr std::int64_t kRowCounts[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 25};
constexpr std::int64_t kSumLengths[] = {0, 1, 7, 255, 256, 257, 513};
constexpr std::int64_t kColumnCounts[] = {1, 15, 16, 17, 31, 32, 33, 48, 49, 100, 256, 300};

/// weight [n, k] -> panels of `panel` columns, the last one 16 wide where the layout says so.
Buffer packed(const Buffer& weight, std::int64_t n, std::int64_t k, std::int64_t panel) {
  std::vector<float> out;
  for (std::int64_t first = 0; first < n; first += panel) {
    const std::int64_t width = n - first <= 16 ? 16 : panel;
    for (std::int64_t i = 0; i < k; ++i) {
      for (std::int64_t column = first; column < first + width; ++column) {
        out.push_back(column < n ? weight[column * k + i] : 0.0F);
      }
    }
  }
  return Buffer(out);
}

struct Product {
  std::int64_t m, n, k, panel = 32;
  Buffer a = random_values(m * k, 1), weight = random_values(n * k, 2), b = packed(weight, n, k, panel);
  Buffer bias = random_values(n, 3);

  GemmF32 args(float* c, Activation activation = Activation::none) const {
    return {m, n, k, a.data(), k, b.data(), panel, {bias.data(), activation}, c, n};
  }
  std::vector<double> reference() const {
    std::vector<double> c;
    for (std::int64_t r = 0; r < m; ++r) {
      for (std::int64_t column = 0; column < n; ++column) {
        double sum = bias[column];
        for (std::int64_t i = 0; i < k; ++i) sum += double{a[r * k + i]} * weight[column * k + i];
        c.push_back(sum);
      }
    }
    return c;
  }
};

TEST_CASE("gemm equals the float64 product for every shape") {
  for (const std::int64_t n : kColumnCounts) {
    for (const std::int64_t k : kSumLengths) {
      for (const std::int64_t panel : {std::int64_t{32}, std::int64_t{16}}) {
        const Product product{25, n, k, panel};
        const std::vector<double> expected = product.reference();
        for_each_tier([&](const KernelTable& table) {
          for (const std::int64_t m : kRowCounts) {
            CAPTURE(m);
            CAPTURE(n);
            CAPTURE(k);
            CAPTURE(panel);
            Buffer c(m * n, kNan);
            GemmF32 args = product.args(c.data());
            args.m = m;
            table.gemm_f32(&args);
            CHECK(largest_error(c, {expected.begin(), expected.begin() + m * n}) < 1e-5);
          }
        });
      }
    }
  }
}

TEST_CASE("a row has the same bits in a product of any number of rows, at any position") {
  for (const std::int64_t n : kColumnCounts) {
    for (const std::int64_t k : kSumLengths) {
      const Product product{25, n, k};
      for_each_tier([&](const KernelTable& table) {
        CAPTURE(n);
        CAPTURE(k);
        Buffer whole(25 * n);
        const GemmF32 all = product.args(whole.data());
        table.gemm_f32(&all);
        for (const std::int64_t m : kRowCounts) {
          for (std::int64_t first = 0; first + m <= 25; first += 5) {
            CAPTURE(m);
            CAPTURE(first);
            Buffer part(m * n);
            GemmF32 args = product.args(part.data());
            args.m = m;
            args.a += first * k;
            table.gemm_f32(&args);
            CHECK(same_bits(part.data(), whole.data() + first * n, m * n));
          }
        }
      });
    }
  }
}

TEST_CASE("sums follow the documented order: chunks of 256, fma in ascending k") {
  const std::int64_t n = 40, length = 600;
  const Product product{1, n, length};
  for_each_tier([&](const KernelTable& table) {
    if (std::string(table.isa) == "v2") return;  // no fused multiply-add there
    Buffer c(n);
    const GemmF32 args = product.args(c.data());
    table.gemm_f32(&args);
    for (std::int64_t column = 0; column < n; ++column) {
      float expected = 0.0F;
      for (std::int64_t begin = 0; begin < length; begin += 256) {
        float chunk = 0.0F;
        for (std::int64_t k = begin; k < std::min(begin + 256, length); ++k) {
          chunk = std::fma(product.a[k], product.weight[column * length + k], chunk);
        }
        expected = begin == 0 ? chunk : expected + chunk;
      }
      CHECK(c[column] == expected + product.bias[column]);
    }
  });
}

TEST_CASE("the fused bias and activation equal the separate kernels bit for bit") {
  for (const std::int64_t n : {5, 32, 47, 300}) {
    const Product product{9, n, 300};
    for_each_tier([&](const KernelTable& table) {
      for (const Activation activation : kActivations) {
        CAPTURE(n);
        CAPTURE(static_cast<int>(activation));
        Buffer fused(9 * n), separate(9 * n);
        const GemmF32 args = product.args(fused.data(), activation);
        table.gemm_f32(&args);
        GemmF32 plain = product.args(separate.data());
        plain.epilogue.bias = nullptr;
        table.gemm_f32(&plain);
        const BinaryF32 sum{9 * n, n, separate.data(), product.bias.data(), separate.data()};
        table.add_f32(&sum);
        const ActivationF32 last{9 * n, separate.data(), activation, separate.data()};
        table.activation_f32(&last);
        CHECK(same_bits(fused, separate));
      }
    });
  }
}

TEST_CASE("gemm writes its n columns and nothing between rows") {
  for (const std::int64_t n : {1, 16, 17, 40, 289}) {
    const Product product{13, n, 20};
    for_each_tier([&](const KernelTable& table) {
      const std::int64_t ldc = n + 3;
      Buffer c(13 * ldc, -7.0F);
      GemmF32 args = product.args(c.data());
      args.ldc = ldc;
      for (const std::int64_t m : {1, 4, 13}) {
        args.m = m;
        table.gemm_f32(&args);
        for (std::int64_t r = 0; r < 13; ++r) CHECK(std::count(&c[r * ldc + n], &c[r * ldc + n] + 3, -7.0F) == 3);
      }
    });
  }
}

}  // namespace
}  // namespace pyseq
