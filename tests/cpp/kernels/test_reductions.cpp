// top_k, cross_entropy, sums and maxima.
#include <numeric>

#include "fixture.h"

namespace pyseq {
namespace {

/// Places of the k largest values: NaN first, then in descending order, equal values by place.
std::vector<std::int64_t> largest_places(const Buffer& x, std::int64_t k) {
  std::vector<std::int64_t> places(static_cast<std::size_t>(x.size()));
  std::iota(places.begin(), places.end(), std::int64_t{0});
  std::stable_sort(places.begin(), places.end(), [&](std::int64_t a, std::int64_t b) {
    if (std::isnan(x[a]) || std::isnan(x[b])) return std::isnan(x[a]) && !std::isnan(x[b]);
    return x[a] > x[b];
  });
  places.resize(static_cast<std::size_t>(k));
  return places;
}

void check_top_k(const KernelTable& table, const Buffer& x, std::int64_t k) {
  CAPTURE(x.size());
  CAPTURE(k);
  Buffer values(k);
  std::vector<std::int64_t> indices(static_cast<std::size_t>(k));
  const TopKF32 args{1, x.size(), k, x.data(), values.data(), indices.data()};
  table.top_k_f32(&args);
  CHECK(indices == largest_places(x, k));
  for (std::int64_t i = 0; i < k; ++i) CHECK(same_bits(&values[i], &x[indices[static_cast<std::size_t>(i)]], 1));
}

TEST_CASE("top_k: any size, any k") {
  for_each_tier([](const KernelTable& table) {
    for (const std::int64_t columns : {1, 2, 5, 16, 17, 63, 64, 65, 500, 3000}) {
      const Buffer x = random_values(columns, 31, -50.0F, 50.0F);
      for (const std::int64_t k : {1, 2, 7, 16, 100}) {
        if (k <= columns) check_top_k(table, x, k);
      }
      check_top_k(table, x, columns);
    }
  });
}

TEST_CASE("top_k: equal values by place, NaN first, zeros of both signs equal, infinities") {
  for_each_tier([](const KernelTable& table) {
    Buffer x(1000, -1.0F);
    for (std::int64_t i = 0; i < x.size(); i += 3) x[i] = 2.0F;
    for (std::int64_t i = 1; i < x.size(); i += 3) x[i] = i % 2 == 0 ? 0.0F : -0.0F;
    for (const std::int64_t k : {1, 3, 400, 1000}) check_top_k(table, x, k);
    x[700] = kNan;
    x[31] = -kNan;
    x[500] = kInf;
    x[2] = -kInf;
    for (const std::int64_t k : {1, 2, 3, 4, 1000}) check_top_k(table, x, k);
  });
}

TEST_CASE("cross_entropy: the float64 reference, and its gradient against differences of that") {
  for (const std::int64_t classes : {1, 5, 16, 33, 200}) {
    const Buffer logits = random_values(3 * classes, 32, -6.0F, 6.0F);
    const Buffer weight = random_values(classes, 33, 0.2F, 2.0F);
    double weight_sum = 0.0;
    for (std::int64_t c = 0; c < classes; ++c) weight_sum += weight[c];
    const std::vector<std::int64_t> targets{0, classes - 1, -7};
    const auto loss_of = [&](std::int64_t row, std::int64_t moved, double by) {
      const auto logit = [&](std::int64_t c) { return logits[row * classes + c] + (c == moved ? by : 0.0); };
      double sum = 0.0, loss = 0.0;
      for (std::int64_t c = 0; c < classes; ++c) sum += std::exp(logit(c));
      for (std::int64_t c = 0; c < classes; ++c) {
        const double q = weight[c] * (0.2 / static_cast<double>(classes) + (c == targets[row] ? 0.8 : 0.0));
        loss += q * (std::log(sum) - logit(c));
      }
      return loss;
    };
    for_each_tier([&](const KernelTable& table) {
      CAPTURE(classes);
      Buffer loss(3), gradient(3 * classes, 9.0F), alone(3);
      CrossEntropyF32 args{3,    classes, logits.data(), targets.data(), weight.data(), static_cast<float>(weight_sum),
                           0.2F, -7,      loss.data(),   gradient.data()};
      table.cross_entropy_f32(&args);
      for (std::int64_t row = 0; row < 2; ++row) {
        CHECK(loss[row] == doctest::Approx(loss_of(row, 0, 0.0)).epsilon(2e-6));
        for (std::int64_t c = 0; c < classes; ++c) {
          const double difference = (loss_of(row, c, 1e-5) - loss_of(row, c, -1e-5)) / 2e-5;
          CHECK(std::abs(gradient[row * classes + c] - difference) < 2e-6);
        }
      }
      CHECK(loss[2] == 0.0F);
      for (std::int64_t c = 0; c < classes; ++c) CHECK(gradient[2 * classes + c] == 0.0F);
      args.gradient = nullptr;
      args.loss = alone.data();
      table.cross_entropy_f32(&args);
      CHECK(same_bits(alone, loss));
    });
  }
}

TEST_CASE("sums and maxima of columns and rows") {
  for_each_tier([](const KernelTable& table) {
    for (const std::int64_t size : {0, 1, 5, 255, 256, 257, 700}) {
      for (const std::int64_t columns : {1, 4, 16, 37}) {
        CAPTURE(size);
        CAPTURE(columns);
        const std::int64_t stride = columns + 3;
        Buffer x = random_values(size * stride, 34), sum(columns), largest(columns);
        if (size > 3) x[2 * stride] = kNan;
        ReduceF32 args{size, columns, stride, x.data(), sum.data()};
        table.sum_columns_f32(&args);
        args.y = largest.data();
        table.max_columns_f32(&args);
        for (std::int64_t c = 0; c < columns; ++c) {
          double total = 0.0, maximum = -kInf;
          for (std::int64_t row = 0; row < size; ++row) {
            const double v = x[row * stride + c];
            total += v;
            if (!(v <= maximum) && !std::isnan(maximum)) maximum = v;
          }
          CHECK((std::isnan(total) ? std::isnan(sum[c]) : std::abs(sum[c] - total) < 2e-5));
          CHECK((std::isnan(maximum) ? std::isnan(largest[c]) : largest[c] == maximum));
        }
      }
      Buffer row = random_values(size, 35), y(1);
      const ReduceF32 args{size, 1, 1, row.data(), y.data()};
      table.sum_row_f32(&args);
      CHECK(std::abs(y[0] - std::accumulate(row.data(), row.data() + size, 0.0)) < 2e-5);
      table.max_row_f32(&args);
      CHECK(y[0] == (size == 0 ? -kInf : *std::max_element(row.data(), row.data() + size)));
      if (size == 0) continue;
      row[size - 1] = kNan;
      table.max_row_f32(&args);
      CHECK(std::isnan(y[0]));
    }
  });
}

}  // namespace
}  // namespace pyseq
