#include "fixture.h"

#include <cmath>
#include <vector>

namespace pyseq {
namespace {

/// Rows next to each other, and pointers to them.
struct Rows {
  Rows(std::int64_t count, std::int64_t width, int seed) : values(random_values(count * width, seed)), width(width) {
    for (std::int64_t i = 0; i < count; ++i) pointers.push_back(values.data() + i * width);
  }
  Rows(const Rows& other) : values(other.values), width(other.width) {
    for (std::size_t i = 0; i < other.pointers.size(); ++i) {
      pointers.push_back(values.data() + (other.pointers[i] - other.values.data()));
    }
  }
  Buffer values;
  std::int64_t width;
  std::vector<float*> pointers;
};

double dot(const float* a, const float* b, std::int64_t width) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < width; ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

TEST_CASE("a window's scores and moves are those of float64, for any number of rows") {
  for (const std::int64_t width : {16, 48, 112}) {
    for (const std::int64_t inputs : {1, 2, 3, 5, 7, 8, 9, 17, 64}) {
      for (const std::int64_t outputs : {1, 2, 6}) {
        const Rows x(inputs, width, 1), y(outputs, width, 2);
        for_each_tier([&](const KernelTable& table) {
          CAPTURE(width);
          CAPTURE(inputs);
          CAPTURE(outputs);
          Rows input(x), output(y);
          Buffer values(inputs * outputs);
          const WindowF32 args{width, inputs, outputs, input.pointers.data(), output.pointers.data(), values.data()};
          table.window_scores_f32(&args);
          for (std::int64_t o = 0; o < outputs; ++o) {
            for (std::int64_t i = 0; i < inputs; ++i) {
              CHECK(values[o * inputs + i] == doctest::Approx(dot(x.pointers[i], y.pointers[o], width)).epsilon(1e-4));
            }
          }
          table.window_update_f32(&args);
          for (std::int64_t c = 0; c < width; ++c) {
            for (std::int64_t i = 0; i < inputs; ++i) {
              double expected = x.pointers[i][c];
              for (std::int64_t o = 0; o < outputs; ++o) expected += double{values[o * inputs + i]} * y.pointers[o][c];
              CHECK(input.pointers[i][c] == doctest::Approx(expected).epsilon(1e-4));
            }
            for (std::int64_t o = 0; o < outputs; ++o) {
              double expected = y.pointers[o][c];
              for (std::int64_t i = 0; i < inputs; ++i) expected += double{values[o * inputs + i]} * x.pointers[i][c];
              CHECK(output.pointers[o][c] == doctest::Approx(expected).epsilon(1e-4));
            }
          }
        });
      }
    }
  }
}

TEST_CASE("rows that a window names twice move twice") {
  const Rows x(1, 16, 1), y(1, 16, 2);
  for_each_tier([&](const KernelTable& table) {
    Rows input(x), output(y);
    float* const inputs[] = {input.pointers[0], input.pointers[0]};
    float* const outputs[] = {output.pointers[0], output.pointers[0]};
    Buffer values(4);
    for (std::int64_t i = 0; i < 4; ++i) values[i] = 0.25F;
    const WindowF32 args{16, 2, 2, inputs, outputs, values.data()};
    table.window_update_f32(&args);
    for (std::int64_t c = 0; c < 16; ++c) {
      CHECK(input.pointers[0][c] == doctest::Approx(x.pointers[0][c] + y.pointers[0][c]).epsilon(1e-5));
      CHECK(output.pointers[0][c] == doctest::Approx(y.pointers[0][c] + x.pointers[0][c]).epsilon(1e-5));
    }
  });
}

TEST_CASE("logistic steps and their loss") {
  const std::uint8_t labels[] = {1, 0, 1};
  for (const std::int64_t inputs : {1, 5, 8, 33}) {
    const Buffer scores = random_values(3 * inputs, 3, -4.0F, 4.0F);
    for_each_tier([&](const KernelTable& table) {
      Buffer values(scores);
      float loss = 0.0F;
      const LogisticF32 args{inputs, 3, labels, 0.5F, values.data(), &loss};
      table.logistic_steps_f32(&args);
      double expected = 0.0;
      for (std::int64_t k = 0; k < 3 * inputs; ++k) {
        const double label = labels[k / inputs], score = scores[k];
        const double probability = 1.0 / (1.0 + std::exp(-score));
        expected -= std::log(label == 1.0 ? probability : 1.0 - probability);
        CHECK(values[k] == doctest::Approx(0.5 * (label - probability)).epsilon(1e-5));
      }
      CHECK(loss == doctest::Approx(expected).epsilon(1e-5));
    });
  }
}

TEST_CASE("sums of rows touch no value beyond their own") {
  for (std::int64_t width = 1; width <= 70; ++width) {
    const Rows a(3, width, 1), b(3, width, 2);
    for_each_tier([&](const KernelTable& table) {
      CAPTURE(width);
      Buffer mean(width), row(a.values);
      const MeanOfRowsF32 average{width, 3, a.pointers.data(), 0.5F, mean.data()};
      table.mean_of_rows_f32(&average);
      const MergeRowsF32 merge{width, 3, a.pointers.data(), b.pointers.data(), 0.25F, row.data()};
      table.merge_rows_f32(&merge);
      Rows moved(a);
      const SpreadF32 spread{width, 3, b.pointers[0], b.pointers[1], moved.pointers.data()};
      table.spread_f32(&spread);
      for (std::int64_t c = 0; c < width; ++c) {
        double sum = 0.0, moves = 0.0;
        for (int r = 0; r < 3; ++r) {
          sum += a.pointers[r][c];
          moves += static_cast<double>(a.pointers[r][c]) - b.pointers[r][c];
        }
        CHECK(mean[c] == doctest::Approx(0.5 * sum).epsilon(1e-5));
        CHECK(row[c] == doctest::Approx(a.values[c] + 0.25 * moves).epsilon(1e-5));
        CHECK(moved.pointers[2][c] ==
              doctest::Approx(a.pointers[2][c] + (b.pointers[0][c] - b.pointers[1][c])).epsilon(1e-5));
      }
      for (std::int64_t c = width; c < 3 * width; ++c) CHECK(row[c] == a.values[c]);
    });
  }
}

}  // namespace
}  // namespace pyseq
