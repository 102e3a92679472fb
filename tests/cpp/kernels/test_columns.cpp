// Sums over columns that go on from what is there, and the scaling of columns.
#include "fixture.h"

namespace pyseq {
namespace {

constexpr std::int64_t kColumns[] = {1, 3, 4, 5, 8, 15, 16, 17, 31, 64, 67, 130};

TEST_CASE("sums and squares of deviations equal float64, and have one order however rows are handed over") {
  for (const std::int64_t columns : kColumns) {
    const std::int64_t rows = 100, stride = columns + 3;
    const Buffer x = random_values((rows - 1) * stride + columns, 5, 2.0F, 4.0F), mean = random_values(columns, 6);
    std::vector<double> sums, squares;
    for (std::int64_t i = 0; i < columns; ++i) {
      double sum = 0.0, square = 0.0;
      for (std::int64_t row = 0; row < rows; ++row) {
        const double value = x[row * stride + i];
        sum += value;
        square += (value - mean[i]) * (value - mean[i]);
      }
      sums.push_back(sum);
      squares.push_back(square);
    }
    for_each_tier([&](const KernelTable& table) {
      CAPTURE(columns);
      Buffer whole(columns);
      for (const auto kernel : {table.accumulate_f32, table.accumulate_squares_f32}) {
        std::fill_n(whole.data(), columns, 0.0F);
        AccumulateF32 args{rows, columns, stride, x.data(), mean.data(), whole.data()};
        kernel(&args);
        CHECK(largest_error(whole, kernel == table.accumulate_f32 ? sums : squares) < 1e-5);
        Buffer parts(columns);
        args.sums = parts.data();
        for (const std::int64_t count : {0, 1, 60, 39}) {
          args.rows = count;
          kernel(&args);
          args.x += count * stride;
        }
        CHECK(same_bits(parts, whole));
      }
    });
  }
}

TEST_CASE("columns are shifted and scaled") {
  for (const std::int64_t columns : kColumns) {
    const Buffer x = random_values(7 * columns, 1), mean = random_values(columns, 2), scale = random_values(columns, 3),
                 shift = random_values(columns, 4);
    std::vector<double> expected;
    for (std::int64_t i = 0; i < 7 * columns; ++i) {
      const std::int64_t column = i % columns;
      expected.push_back((double{x[i]} - mean[column]) * scale[column] + shift[column]);
    }
    for_each_tier([&](const KernelTable& table) {
      CAPTURE(columns);
      Buffer y(7 * columns);
      const ScaleColumnsF32 args{7, columns, x.data(), mean.data(), scale.data(), shift.data(), y.data()};
      table.scale_columns_f32(&args);
      CHECK(largest_error(y, expected) < 5e-7);
    });
  }
}

}  // namespace
}  // namespace pyseq
