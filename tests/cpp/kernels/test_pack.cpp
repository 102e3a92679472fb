#include <algorithm>

#include "fixture.h"

namespace pyseq {
namespace {

constexpr std::int64_t kDepths[] = {0, 1, 3, 4, 8, 15, 16, 17, 64, 256};
constexpr std::int64_t kColumnCounts[] = {1, 4, 15, 16, 17, 31, 32, 33, 48, 49, 100, 256};

std::int64_t width_of_panel(std::int64_t column, std::int64_t n) {
  return n - column <= 16 ? 16 : 32;
}
std::int64_t padded(std::int64_t n) {
  return n / 32 * 32 + (n % 32 == 0 ? 0 : width_of_panel(n / 32 * 32, n));
}

TEST_CASE("pack_f32 lays a row-major operand and its transpose out in panels, with zeros behind the last column") {
  constexpr std::int64_t kGap = 3;
  for (const std::int64_t k : kDepths) {
    for (const std::int64_t n : kColumnCounts) {
      for (const bool transposed : {false, true}) {
        const std::int64_t rows = transposed ? n : k, stride = (transposed ? k : n) + kGap;
        // The last row ends with its values: nothing may be read behind them.
        const Buffer b = random_values(std::max<std::int64_t>(0, rows * stride - kGap), 1);
        for_each_tier([&](const KernelTable& table) {
          CAPTURE(k);
          CAPTURE(n);
          CAPTURE(transposed);
          Buffer panels(k * padded(n), kNan);
          const PackF32 args{
              .k = k, .n = n, .b = b.data(), .stride = stride, .transposed = transposed, .panels = panels.data()};
          table.pack_f32(&args);
          std::int64_t wrong = 0;
          for (std::int64_t column = 0; column < padded(n); ++column) {
            const std::int64_t first = column / 32 * 32, width = width_of_panel(first, n);
            for (std::int64_t i = 0; i < k; ++i) {
              const float value = panels[first * k + i * width + column - first];
              const std::int64_t index = transposed ? column * stride + i : i * stride + column;
              if (value != (column < n ? b[index] : 0.0F)) ++wrong;
            }
          }
          CHECK(wrong == 0);
        });
      }
    }
  }
}

TEST_CASE("transpose_f32 writes every value once and nothing between the rows") {
  constexpr std::int64_t kGap = 2;
  for (const std::int64_t rows : kDepths) {
    for (const std::int64_t columns : kColumnCounts) {
      const Buffer x = random_values(std::max<std::int64_t>(0, rows * (columns + kGap) - kGap), 1);
      for_each_tier([&](const KernelTable& table) {
        CAPTURE(rows);
        CAPTURE(columns);
        Buffer y(columns * (rows + kGap) - kGap, kNan);
        const TransposeF32 args{.rows = rows,
                                .columns = columns,
                                .x = x.data(),
                                .x_stride = columns + kGap,
                                .y = y.data(),
                                .y_stride = rows + kGap};
        table.transpose_f32(&args);
        std::int64_t wrong = 0;
        for (std::int64_t i = 0; i < y.size(); ++i) {
          const std::int64_t column = i / (rows + kGap), row = i % (rows + kGap);
          const bool is_right = row < rows ? y[i] == x[row * (columns + kGap) + column] : std::isnan(y[i]);
          if (!is_right) ++wrong;
        }
        CHECK(wrong == 0);
      });
    }
  }
}

TEST_CASE("gemm_f32 that accumulates chunk by chunk gives the bits of the whole product") {
  constexpr std::int64_t kRows = 14, kDepth = 600;
  for (const std::int64_t n : kColumnCounts) {
    const Buffer a = random_values(kRows * kDepth, 1), b = random_values(kDepth * n, 2), bias = random_values(n, 3);
    for_each_tier([&](const KernelTable& table) {
      CAPTURE(n);
      Buffer panels(kDepth * padded(n)), whole(kRows * n), pieces(kRows * n, kNan);
      const auto pack = [&](std::int64_t begin, std::int64_t depth) {
        const PackF32 args{
            .k = depth, .n = n, .b = b.data() + begin * n, .stride = n, .transposed = false, .panels = panels.data()};
        table.pack_f32(&args);
      };
      const auto multiply = [&](std::int64_t begin, std::int64_t depth, Buffer& c) {
        const bool last = begin + depth == kDepth;
        const GemmF32 args{.m = kRows,
                           .n = n,
                           .k = depth,
                           .a = a.data() + begin,
                           .lda = kDepth,
                           .b = panels.data(),
                           .panel = 32,
                           .epilogue = {.bias = last ? bias.data() : nullptr,
                                        .activation = last ? Activation::tanh : Activation::none},
                           .c = c.data(),
                           .ldc = n,
                           .accumulate = begin > 0};
        table.gemm_f32(&args);
      };
      pack(0, kDepth);
      multiply(0, kDepth, whole);
      for (std::int64_t begin = 0; begin < kDepth; begin += 256) {
        const std::int64_t depth = std::min<std::int64_t>(256, kDepth - begin);
        pack(begin, depth);
        multiply(begin, depth, pieces);
      }
      CHECK(same_bits(pieces, whole));
    });
  }
}

TEST_CASE("gemm_row_major_f32 gives the bits of the packed product") {
  constexpr std::int64_t kDepth = 40, kGap = 3;
  for (const std::int64_t n : {1, 16, 31, 32, 64, 100, 256, 300, 531}) {
    const std::int64_t stride = n + kGap;
    const Buffer a = random_values(7 * kDepth, 1), bias = random_values(n, 3), residual = random_values(7 * n, 4);
    const Buffer b = random_values(kDepth * stride - kGap, 2);
    for_each_tier([&](const KernelTable& table) {
      Buffer panels(kDepth * padded(n));
      const PackF32 pack{
          .k = kDepth, .n = n, .b = b.data(), .stride = stride, .transposed = false, .panels = panels.data()};
      table.pack_f32(&pack);
      for (const std::int64_t m : {1, 2, 3, 4, 5, 7}) {
        for (const bool accumulate : {false, true}) {
          CAPTURE(n);
          CAPTURE(m);
          CAPTURE(accumulate);
          Buffer expected = random_values(m * n, 5), c = expected, scratch(kDepth * padded(n), kNan);
          GemmF32 args{.m = m,
                       .n = n,
                       .k = kDepth,
                       .a = a.data(),
                       .lda = kDepth,
                       .b = panels.data(),
                       .panel = 32,
                       .epilogue = {.bias = bias.data(),
                                    .activation = Activation::tanh,
                                    .residual = residual.data(),
                                    .residual_stride = n},
                       .c = expected.data(),
                       .ldc = n,
                       .accumulate = accumulate};
          table.gemm_f32(&args);
          args.b = b.data();
          args.c = c.data();
          const GemmRowMajorF32 row_major{args, stride, scratch.data()};
          table.gemm_row_major_f32(&row_major);
          CHECK(same_bits(c, expected));
        }
      }
    });
  }
}

}  // namespace
}  // namespace pyseq
