#include "fixture.h"

namespace pyseq {
namespace {

constexpr std::int64_t kColumns[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, 513};

std::vector<double> softmax_reference(const Buffer& x, std::int64_t rows, std::int64_t columns, bool logarithm) {
  std::vector<double> y;
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* row = x.data() + r * columns;
    double sum = 0.0;
    for (std::int64_t i = 0; i < columns; ++i) sum += std::exp(double{row[i]});
    for (std::int64_t i = 0; i < columns; ++i)
      y.push_back(logarithm ? row[i] - std::log(sum) : std::exp(double{row[i]}) / sum);
  }
  return y;
}

TEST_CASE("softmax and log_softmax equal the float64 reference") {
  for (const std::int64_t columns : kColumns) {
    const Buffer x = random_values(3 * columns, 5, -30.0F, 30.0F);
    for_each_tier([&](const KernelTable& table) {
      CAPTURE(columns);
      Buffer y(3 * columns);
      const RowwiseF32 args{3, columns, x.data(), y.data()};
      table.softmax_f32(&args);
      CHECK(largest_error(y, softmax_reference(x, 3, columns, false)) < 5e-7);
      table.log_softmax_f32(&args);
      CHECK(largest_error(y, softmax_reference(x, 3, columns, true)) < 5e-7);
    });
  }
}

TEST_CASE("a softmax row does not depend on the rows around it, nor on the buffer") {
  const Buffer x = random_values(7 * 45, 6, -5.0F, 5.0F);
  for_each_tier([&](const KernelTable& table) {
    for (const auto kernel : {table.softmax_f32, table.log_softmax_f32}) {
      Buffer whole(7 * 45), single(45), in_place(x);
      const RowwiseF32 args{7, 45, x.data(), whole.data()};
      kernel(&args);
      const RowwiseF32 one{1, 45, x.data() + 3 * 45, single.data()};
      kernel(&one);
      CHECK(same_bits(single.data(), whole.data() + 3 * 45, 45));
      const RowwiseF32 same{7, 45, in_place.data(), in_place.data()};
      kernel(&same);
      CHECK(same_bits(in_place, whole));
    }
  });
}

TEST_CASE("softmax of long rows: chunks with maxima of their own") {
  for (const std::int64_t columns : {4096, 4097, 12289, 300000}) {
    Buffer x = random_values(columns, 15, -5.0F, 5.0F);
    x[columns - 1] = 40.0F;  // all other chunks lie far below the last one
    x[5] = 38.0F;
    for (std::int64_t i = columns / 2; i < columns / 2 + 100; ++i) x[i] = -kInf;
    for_each_tier([&](const KernelTable& table) {
      CAPTURE(columns);
      Buffer y(columns);
      const RowwiseF32 args{1, columns, x.data(), y.data()};
      const auto expected = softmax_reference(x, 1, columns, false);
      table.softmax_f32(&args);
      double largest = 0.0;  // relative: small probabilities are right as well
      for (std::int64_t i = 0; i < columns; ++i) {
        const double reference = expected[static_cast<std::size_t>(i)];
        if (reference > 0.0) largest = std::max(largest, std::abs(y[i] - reference) / reference);
      }
      CHECK(largest < 4e-6);  // x - maximum, about 45, is rounded to a multiple of 2^-18
      CHECK(y[columns / 2] == 0.0F);
      table.log_softmax_f32(&args);
      CHECK(y[columns / 2] == -kInf);
      CHECK(y[0] == doctest::Approx(std::log(expected[0])));
      x[3] = kNan;
      table.softmax_f32(&args);
      for (std::int64_t i = 0; i < columns; ++i) CHECK_MESSAGE(std::isnan(y[i]), i);
      table.log_softmax_f32(&args);
      for (std::int64_t i = 0; i < columns; ++i) CHECK_MESSAGE(std::isnan(y[i]), i);
      x[3] = 0.25F;
    });
  }
}

TEST_CASE("softmax keeps the relative precision of small probabilities") {
  const std::int64_t columns = 4000;
  Buffer x(columns);
  for (std::int64_t i = 0; i < columns; ++i) x[i] = -87.0F * static_cast<float>(i) / static_cast<float>(columns - 1);
  const auto expected = softmax_reference(x, 1, columns, false);
  for_each_tier([&](const KernelTable& table) {
    Buffer y(columns);
    const RowwiseF32 args{1, columns, x.data(), y.data()};
    table.softmax_f32(&args);
    for (std::int64_t i = 0; i < columns; ++i) {
      // Up to a few units of the last place, plus what taking ln 2 as one float32 costs far below the maximum.
      const double bound = 4e-7 + 4e-9 * -x[i];
      const double reference = expected[static_cast<std::size_t>(i)];
      if (reference > 2e-38) CHECK(std::abs(y[i] - reference) <= bound * reference);
    }
  });
}

TEST_CASE("softmax with infinities and NaN") {
  for_each_tier([](const KernelTable& table) {
    for (const std::int64_t columns : {3, 19}) {
      Buffer x(columns, -kInf), y(columns);
      const RowwiseF32 args{1, columns, x.data(), y.data()};
      table.softmax_f32(&args);
      for (std::int64_t i = 0; i < columns; ++i) CHECK(y[i] == 0.0F);
      table.log_softmax_f32(&args);
      for (std::int64_t i = 0; i < columns; ++i) CHECK(y[i] == -kInf);

      x[columns - 1] = -1000.0F;  // the only finite one
      table.softmax_f32(&args);
      CHECK(y[columns - 1] == 1.0F);
      CHECK(y[0] == 0.0F);
      table.log_softmax_f32(&args);
      CHECK(y[columns - 1] == 0.0F);
      CHECK(y[0] == -kInf);

      for (const float poison : {kNan, kInf}) {
        x[columns - 2] = poison;
        table.softmax_f32(&args);
        for (std::int64_t i = 0; i < columns; ++i) CHECK((std::isnan(y[i]) || (poison == kInf && y[i] == 0.0F)));
        CHECK(std::isnan(y[columns - 2]));
        table.log_softmax_f32(&args);
        CHECK(std::isnan(y[columns - 2]));
      }
    }
    Buffer large({1e30F, 1e30F}), y(2);
    const RowwiseF32 args{1, 2, large.data(), y.data()};
    table.softmax_f32(&args);
    CHECK(y[0] == 0.5F);
    const RowwiseF32 nothing{4, 0, large.data(), y.data()};
    table.softmax_f32(&nothing);
  });
}

TEST_CASE("layer_norm equals the float64 reference, with and without weight and bias") {
  for (const std::int64_t columns : kColumns) {
    // A mean far from zero: variance must not come from a difference of squares.
    const Buffer x = random_values(3 * columns, 7, 99.0F, 103.0F);
    const Buffer weight = random_values(columns, 8), bias = random_values(columns, 9);
    for (const bool affine : {true, false}) {
      std::vector<double> expected;
      for (std::int64_t r = 0; r < 3; ++r) {
        double mean = 0.0, variance = 0.0;
        for (std::int64_t i = 0; i < columns; ++i) mean += x[r * columns + i] / static_cast<double>(columns);
        for (std::int64_t i = 0; i < columns; ++i)
          variance += std::pow(x[r * columns + i] - mean, 2) / static_cast<double>(columns);
        for (std::int64_t i = 0; i < columns; ++i) {
          const double normalised = (x[r * columns + i] - mean) / std::sqrt(variance + 1e-3);
          expected.push_back(affine ? normalised * weight[i] + bias[i] : normalised);
        }
      }
      for_each_tier([&](const KernelTable& table) {
        CAPTURE(columns);
        CAPTURE(affine);
        Buffer y(3 * columns);
        const NormF32 args{3,     columns, x.data(), affine ? weight.data() : nullptr, affine ? bias.data() : nullptr,
                           1e-3F, y.data()};
        table.layer_norm_f32(&args);
        CHECK(largest_error(y, expected) < 5e-5);
        Buffer last(columns);
        NormF32 one = args;
        one.rows = 1;
        one.x += 2 * columns;
        one.y = last.data();
        table.layer_norm_f32(&one);
        CHECK(same_bits(last.data(), y.data() + 2 * columns, columns));
      });
    }
  }
}

TEST_CASE("rms_norm, and norms of residual sums, equal the float64 reference and the separate kernels") {
  for (const std::int64_t columns : kColumns) {
    const Buffer x = random_values(3 * columns, 21), residual = random_values(3 * columns, 22);
    const Buffer weight = random_values(columns, 23), bias = random_values(columns, 24);
    std::vector<double> expected;
    for (std::int64_t r = 0; r < 3; ++r) {
      double squares = 0.0;
      for (std::int64_t i = 0; i < columns; ++i) squares += std::pow(x[r * columns + i], 2);
      for (std::int64_t i = 0; i < columns; ++i) {
        expected.push_back(x[r * columns + i] / std::sqrt(squares / static_cast<double>(columns) + 1e-3) * weight[i]);
      }
    }
    for_each_tier([&](const KernelTable& table) {
      CAPTURE(columns);
      Buffer y(3 * columns), sum(3 * columns), separate(3 * columns), separate_sum(3 * columns);
      const NormF32 plain{3, columns, x.data(), weight.data(), nullptr, 1e-3F, y.data()};
      table.rms_norm_f32(&plain);
      CHECK(largest_error(y, expected) < 1e-6);

      const BinaryF32 with_bias{3 * columns, columns, x.data(), bias.data(), separate_sum.data()};
      table.add_f32(&with_bias);
      const BinaryF32 add{3 * columns, 3 * columns, separate_sum.data(), residual.data(), separate_sum.data()};
      table.add_f32(&add);
      for (const auto kernel : {table.layer_norm_f32, table.rms_norm_f32}) {
        NormF32 fused = plain;
        fused.residual = residual.data();
        fused.added_bias = bias.data();
        fused.sum = sum.data();
        kernel(&fused);
        CHECK(same_bits(sum, separate_sum));
        NormF32 norm = plain;
        norm.x = separate_sum.data();
        norm.y = separate.data();
        kernel(&norm);
        CHECK(same_bits(y, separate));
        fused.sum = nullptr;  // the sum is not wanted
        kernel(&fused);
        CHECK(same_bits(y, separate));
      }
    });
  }
}

}  // namespace
}  // namespace pyseq
