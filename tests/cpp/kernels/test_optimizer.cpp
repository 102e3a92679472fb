#include "fixture.h"

namespace pyseq {
namespace {

TEST_CASE("a sum of squares is that of float64 for every tail length") {
  for (std::int64_t n = 0; n <= 70; ++n) {
    const Buffer x = random_values(n, 41);
    double expected = 0.0;
    for (std::int64_t i = 0; i < n; ++i) expected += static_cast<double>(x[i]) * x[i];
    for_each_tier([&](const KernelTable& table) {
      CAPTURE(n);
      float sum = -1.0F;
      const SquaresF32 args{n, x.data(), &sum};
      table.sum_of_squares_f32(&args);
      CHECK(sum == doctest::Approx(expected).epsilon(1e-6));
    });
  }
}

TEST_CASE("scaling, clipping and averaging touch no value beyond their own") {
  for (std::int64_t n = 0; n <= 70; ++n) {
    const Buffer x = random_values(n, 42, -4.0F, 4.0F), y = random_values(n, 43);
    for_each_tier([&](const KernelTable& table) {
      CAPTURE(n);
      Buffer scaled(x), clipped(x), average(y);
      const ScaleF32 scale{n, 0.25F, scaled.data()};
      table.scale_f32(&scale);
      const ClampF32 clamp{n, 1.5F, clipped.data()};
      table.clamp_f32(&clamp);
      const AverageF32 move{n, 0.5F, x.data(), average.data()};
      table.move_average_f32(&move);
      for (std::int64_t i = 0; i < n; ++i) {
        CHECK(scaled[i] == 0.25F * x[i]);
        CHECK(clipped[i] == std::min(std::max(x[i], -1.5F), 1.5F));
        CHECK(average[i] == doctest::Approx(0.5F * (x[i] + y[i])).epsilon(1e-6));
      }
    });
  }
}

TEST_CASE("clipping keeps NaN") {
  for_each_tier([](const KernelTable& table) {
    Buffer x({kNan, kInf, -kInf});
    const ClampF32 args{3, 2.0F, x.data()};
    table.clamp_f32(&args);
    CHECK(std::isnan(x[0]));
    CHECK(x[1] == 2.0F);
    CHECK(x[2] == -2.0F);
  });
}

TEST_CASE("an update of every optimizer, one step from zero moments") {
  for (const std::int64_t n : {1, 15, 16, 63, 70}) {
    const Buffer start = random_values(n, 44), g = random_values(n, 45, 0.5F, 1.0F);
    for_each_tier([&](const KernelTable& table) {
      CAPTURE(n);
      const auto part = [&](Buffer& value) { return UpdateF32{n, value.data(), g.data(), 0.1F, 0.0F}; };
      Buffer sgd(start), adam(start), adagrad(start), rmsprop(start), first(n), second(n), sum(n), square(n);
      const SgdF32 sgd_args{part(sgd), nullptr, 0.0F, 1.0F, false};
      table.sgd_f32(&sgd_args);
      const AdamF32 adam_args{part(adam), first.data(), second.data(),     0.1F, 0.001F,
                              0.0F,       0.1F,         std::sqrt(0.001F), true};
      table.adam_f32(&adam_args);
      const AdagradF32 adagrad_args{part(adagrad), sum.data(), 0.0F};
      table.adagrad_f32(&adagrad_args);
      const RmspropF32 rmsprop_args{part(rmsprop), square.data(), nullptr, nullptr, 0.25F, 0.0F, 0.0F};
      table.rmsprop_f32(&rmsprop_args);
      for (std::int64_t i = 0; i < n; ++i) {
        CHECK(sgd[i] == doctest::Approx(start[i] - 0.1F * g[i]).epsilon(1e-5));
        CHECK(adam[i] == doctest::Approx(start[i] - 0.1F).epsilon(1e-5));     // g / √g²
        CHECK(adagrad[i] == doctest::Approx(start[i] - 0.1F).epsilon(1e-5));  // g / √g²
        CHECK(rmsprop[i] == doctest::Approx(start[i] - 0.2F).epsilon(1e-5));  // g / √(g² / 4)
      }
    });
  }
}

}  // namespace
}  // namespace pyseq
