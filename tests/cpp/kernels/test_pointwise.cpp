#include "fixture.h"

namespace pyseq {
namespace {

TEST_CASE("activations equal the float64 reference for every tail length") {
  for (std::int64_t n = 0; n <= 40; ++n) {
    const Buffer x = random_values(n, 11, -6.0F, 6.0F);
    for (const Activation activation : kActivations) {
      std::vector<double> expected;
      for (std::int64_t i = 0; i < n; ++i) expected.push_back(activated(activation, x[i]));
      for_each_tier([&](const KernelTable& table) {
        CAPTURE(n);
        CAPTURE(static_cast<int>(activation));
        Buffer y(n), in_place(x);
        const ActivationF32 args{n, x.data(), activation, y.data()};
        table.activation_f32(&args);
        CHECK(largest_error(y, expected) < 5e-7);
        const ActivationF32 same{n, in_place.data(), activation, in_place.data()};
        table.activation_f32(&same);
        CHECK(same_bits(y, in_place));
      });
    }
  }
}

TEST_CASE("activations at the ends: NaN passes, infinities have their limits") {
  for_each_tier([](const KernelTable& table) {
    for (const Activation activation : kActivations) {
      CAPTURE(static_cast<int>(activation));
      Buffer x({kNan, kInf, 0.0F, 1e-42F, 200.0F, -200.0F}), y(6);
      const ActivationF32 args{6, x.data(), activation, y.data()};
      table.activation_f32(&args);
      CHECK(std::isnan(y[0]));
      const bool bounded = activation == Activation::tanh || activation == Activation::sigmoid;
      CHECK(y[1] == (bounded ? 1.0F : kInf));
      CHECK(y[2] == (activation == Activation::sigmoid ? 0.5F : 0.0F));
      CHECK(y[3] == doctest::Approx(activated(activation, 1e-42F)));
      CHECK(y[4] == (bounded ? 1.0F : 200.0F));
      CHECK(y[5] == doctest::Approx(activated(activation, -200.0)));
    }
  });
}

TEST_CASE("add, subtract, multiply, divide: element by element, and a row over many rows") {
  const std::int64_t n = 360;
  const Buffer a = random_values(n, 12);
  for (const std::int64_t period : {1, 3, 8, 15, 40, 120, 360}) {
    const Buffer b = random_values(period, 13, 0.5F, 2.0F);
    for_each_tier([&](const KernelTable& table) {
      CAPTURE(period);
      Buffer y(n);
      const BinaryF32 args{n, period, a.data(), b.data(), y.data()};
      table.add_f32(&args);
      for (std::int64_t i = 0; i < n; ++i) CHECK(y[i] == a[i] + b[i % period]);
      table.subtract_f32(&args);
      for (std::int64_t i = 0; i < n; ++i) CHECK(y[i] == a[i] - b[i % period]);
      table.multiply_f32(&args);
      for (std::int64_t i = 0; i < n; ++i) CHECK(y[i] == a[i] * b[i % period]);
      table.divide_f32(&args);
      for (std::int64_t i = 0; i < n; ++i) CHECK(y[i] == a[i] / b[i % period]);
    });
  }
}

TEST_CASE("functions with parameters, at every tail length and at the ends") {
  for_each_tier([](const KernelTable& table) {
    for (std::int64_t n = 0; n <= 40; ++n) {
      CAPTURE(n);
      const Buffer x = random_values(n, 14, -4.0F, 4.0F);
      Buffer y(n);
      const FunctionF32 elu{n, x.data(), Function::elu, 0.5F, 0.0F, y.data()};
      table.function_f32(&elu);
      for (std::int64_t i = 0; i < n; ++i) CHECK(y[i] == doctest::Approx(x[i] > 0 ? x[i] : 0.5 * std::expm1(x[i])));
      const FunctionF32 leaky{n, x.data(), Function::leaky_relu, 0.25F, 0.0F, y.data()};
      table.function_f32(&leaky);
      for (std::int64_t i = 0; i < n; ++i) CHECK(y[i] == (x[i] > 0 ? x[i] : 0.25F * x[i]));
      const FunctionF32 clip{n, x.data(), Function::clip, -1.0F, 2.0F, y.data()};
      table.function_f32(&clip);
      for (std::int64_t i = 0; i < n; ++i) CHECK(y[i] == std::clamp(x[i], -1.0F, 2.0F));
    }
    for (const Function function : {Function::softplus, Function::elu, Function::leaky_relu, Function::clip}) {
      CAPTURE(static_cast<int>(function));
      Buffer x({kNan, kInf, -kInf}), y(3);
      const FunctionF32 args{3, x.data(), function, 0.5F, 3.0F, y.data()};
      table.function_f32(&args);
      CHECK(std::isnan(y[0]));
      CHECK(y[1] == (function == Function::clip ? 3.0F : kInf));
      const float lowest[] = {0.0F, -0.5F, -kInf, 0.5F};
      CHECK(y[2] == lowest[static_cast<int>(function) - static_cast<int>(Function::softplus)]);
    }
  });
}

}  // namespace
}  // namespace pyseq
