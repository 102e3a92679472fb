// The error budgets of csrc/kernels/README.md: a sample over every exponent of float32, and all numbers where errors
// are largest.
#include "fixture.h"

namespace pyseq {
namespace {

/// Every exponent (subnormal numbers included) with about 2000 mantissas and both signs. A prime number of values, so
/// that the last vector is a partial one.
const Buffer& sample() {
  static const Buffer values = [] {
    std::vector<float> numbers;
    for (std::uint32_t exponent = 0; exponent < 255; ++exponent) {
      for (std::uint32_t mantissa = exponent; mantissa < 1U << 23; mantissa += 4217) {
        const auto value = std::bit_cast<float>(exponent << 23 | mantissa);
        numbers.push_back(value);
        numbers.push_back(-value);
      }
    }
    numbers.push_back(0.0F);
    return Buffer(numbers);
  }();
  return values;
}

/// All numbers with this exponent (2^exponent to 2^(exponent + 1)) and sign.
Buffer all_of_binade(int exponent, bool negative) {
  std::vector<float> numbers(std::size_t{1} << 23);
  const std::uint32_t first = (negative ? 1U << 31 : 0U) | static_cast<std::uint32_t>(exponent + 127) << 23;
  for (std::uint32_t i = 0; i < numbers.size(); ++i) numbers[i] = std::bit_cast<float>(first + i);
  return Buffer(numbers);
}

/// |got - expected| in units of the last place that float32 has at `expected`.
double ulp_error(float got, double expected) {
  const auto rounded = static_cast<float>(expected);
  if (std::isnan(expected)) return std::isnan(got) ? 0.0 : kInf;
  if (got == rounded) return 0.0;
  if (std::isinf(rounded) || std::isinf(got) || std::isnan(got)) {
    // Beside the threshold of overflow: judged as if the exponents went on.
    const double largest = std::numeric_limits<float>::max();
    return std::isinf(rounded) && std::abs(got) == largest ? 1.0 : kInf;
  }
  const double magnitude = std::max(std::abs(expected), double{std::numeric_limits<float>::min()});
  return std::abs(got - expected) / std::ldexp(1.0, std::ilogb(magnitude) - 23);
}

struct Worst {
  double error = 0.0;
  float x = 0.0F;
};

Worst worst(const Buffer& x, const Buffer& y, const std::vector<double>& expected) {
  Worst found;
  for (std::int64_t i = 0; i < x.size(); ++i) {
    const double error = ulp_error(y[i], expected[static_cast<std::size_t>(i)]);
    if (error > found.error) found = {error, x[i]};
  }
  return found;
}

using Kernel = void (*KernelTable::*)(const PointwiseF32*);

void compute(const KernelTable& table, Kernel function, const Buffer& x, Buffer& y) {
  const PointwiseF32 args{y.size(), x.data(), y.data()};
  (table.*function)(&args);
}
void compute(const KernelTable& table, Activation activation, const Buffer& x, Buffer& y) {
  const ActivationF32 args{y.size(), x.data(), activation, y.data()};
  table.activation_f32(&args);
}
void compute(const KernelTable& table, Function function, const Buffer& x, Buffer& y) {
  const FunctionF32 args{y.size(), x.data(), function, 1.0F, 0.0F, y.data()};
  table.function_f32(&args);
}

template <typename Which, typename Reference>
void check_on(const Buffer& x, Which function, Reference reference, double budget) {
  std::vector<double> expected;
  for (std::int64_t i = 0; i < x.size(); ++i) expected.push_back(reference(double{x[i]}));
  for_each_tier([&](const KernelTable& table) {
    Buffer y(x.size());
    compute(table, function, x, y);
    const Worst found = worst(x, y, expected);
    CAPTURE(found.x);
    CHECK(found.error <= budget);
  });
}

struct Binade {
  int exponent;
  bool negative;
};

/// The sample, and every number of the binades with the largest errors.
template <typename Which, typename Reference>
void check_budget(Which function, Reference reference, double budget, std::initializer_list<Binade> dense) {
  check_on(sample(), function, reference, budget);
  for (const Binade& binade : dense) {
    CAPTURE(binade.exponent);
    check_on(all_of_binade(binade.exponent, binade.negative), function, reference, budget);
  }
}

TEST_CASE("exp") {
  check_budget(&KernelTable::exp_f32, [](double x) { return std::exp(x); }, 2.0, {{2, true}, {5, true}, {3, false}});
}
TEST_CASE("log") {
  check_budget(&KernelTable::log_f32, [](double x) { return std::log(x); }, 1.5, {{0, false}, {-1, false}});
}
TEST_CASE("erf") {
  check_budget(&KernelTable::erf_f32, [](double x) { return std::erf(x); }, 2.0,
               {{-2, false}, {-1, false}, {0, false}});
}
TEST_CASE("tanh") {
  check_budget(Activation::tanh, [](double x) { return std::tanh(x); }, 2.0, {{-2, false}, {-1, true}, {-3, false}});
}
TEST_CASE("sigmoid") {
  check_budget(Activation::sigmoid, [](double x) { return sigmoid(x); }, 3.25, {{0, true}, {1, true}, {2, true}});
}
TEST_CASE("softplus") {
  check_budget(Function::softplus, [](double x) { return x > 700.0 ? x : std::log1p(std::exp(x)); }, 3.25,
               {{0, true}, {1, true}, {2, true}});
}
TEST_CASE("elu") {
  check_budget(Function::elu, [](double x) { return x > 0.0 ? x : std::expm1(x); }, 3.0, {{-2, true}, {0, true}});
}
TEST_CASE("sqrt") {
  check_budget(Function::sqrt, [](double x) { return std::sqrt(x); }, 0.5, {});
}
TEST_CASE("function_f32 computes exp and log as their own kernels do") {
  for_each_tier([](const KernelTable& table) {
    Buffer y(sample().size()), expected(sample().size());
    const PointwiseF32 plain{y.size(), sample().data(), expected.data()};
    table.exp_f32(&plain);
    const FunctionF32 e{y.size(), sample().data(), Function::exp, 0.0F, 0.0F, y.data()};
    table.function_f32(&e);
    CHECK(same_bits(y, expected));
    table.log_f32(&plain);
    const FunctionF32 l{y.size(), sample().data(), Function::log, 0.0F, 0.0F, y.data()};
    table.function_f32(&l);
    CHECK(same_bits(y, expected));
  });
}
TEST_CASE("silu, where sigmoid is a normal number") {
  std::vector<float> numbers;
  for (std::int64_t i = 0; i < sample().size(); ++i) {
    if (sample()[i] >= -87.0F) numbers.push_back(sample()[i]);
  }
  const auto silu = [](double x) { return x * sigmoid(x); };
  check_on(Buffer(numbers), Activation::silu, silu, 4.0);
  for (const int exponent : {0, 2, 3}) check_on(all_of_binade(exponent, true), Activation::silu, silu, 4.0);
}

/// f of a few values by one tier.
std::vector<float> apply(const KernelTable& table, Kernel function, const std::vector<float>& x) {
  std::vector<float> y(x.size());
  const PointwiseF32 args{static_cast<std::int64_t>(x.size()), x.data(), y.data()};
  (table.*function)(&args);
  return y;
}

TEST_CASE("exp, log and erf at special values") {
  for_each_tier([](const KernelTable& table) {
    const std::vector<float> x{0.0F, -0.0F, kInf, -kInf, kNan, 1.0F, -1.0F};
    const std::vector<float> e = apply(table, &KernelTable::exp_f32, x);
    CHECK(e[0] == 1.0F);
    CHECK(e[1] == 1.0F);
    CHECK(e[2] == kInf);
    CHECK(e[3] == 0.0F);
    CHECK(std::isnan(e[4]));
    // The last finite value, the first overflow, the smallest results and what rounds to nothing.
    const std::vector<float> ends =
        apply(table, &KernelTable::exp_f32, {88.72283F, 88.72284F, -87.5F, -103.0F, -104.0F});
    CHECK(ends[0] == doctest::Approx(3.40279e38F).epsilon(1e-5));
    CHECK(ends[1] == kInf);
    CHECK(ends[2] == static_cast<float>(std::exp(-87.5)));
    CHECK(ends[3] == std::numeric_limits<float>::denorm_min());
    CHECK(ends[4] == 0.0F);

    const std::vector<float> l = apply(table, &KernelTable::log_f32, x);
    CHECK(l[0] == -kInf);
    CHECK(l[1] == -kInf);
    CHECK(l[2] == kInf);
    CHECK(std::isnan(l[3]));
    CHECK(std::isnan(l[4]));
    CHECK(same_bits(&l[5], &x[0], 1));  // log 1 = +0
    CHECK(std::isnan(l[6]));

    const std::vector<float> f = apply(table, &KernelTable::erf_f32, x);
    CHECK(same_bits(f.data(), x.data(), 2));  // the sign of zero stays
    CHECK(f[2] == 1.0F);
    CHECK(f[3] == -1.0F);
    CHECK(std::isnan(f[4]));
  });
}

TEST_CASE("tanh and sigmoid at special values") {
  for_each_tier([](const KernelTable& table) {
    const std::vector<float> x{0.0F, -0.0F, kInf, -kInf, kNan, -100.0F};
    std::vector<float> y(x.size());
    const ActivationF32 tanh_args{6, x.data(), Activation::tanh, y.data()};
    table.activation_f32(&tanh_args);
    CHECK(same_bits(y.data(), x.data(), 2));
    CHECK(y[2] == 1.0F);
    CHECK(y[3] == -1.0F);
    CHECK(std::isnan(y[4]));
    const ActivationF32 sigmoid_args{6, x.data(), Activation::sigmoid, y.data()};
    table.activation_f32(&sigmoid_args);
    CHECK(y[0] == 0.5F);
    CHECK(y[1] == 0.5F);
    CHECK(y[2] == 1.0F);
    CHECK(y[3] == 0.0F);
    CHECK(std::isnan(y[4]));
    CHECK(y[5] == static_cast<float>(sigmoid(-100.0)));  // a subnormal number
  });
}

}  // namespace
}  // namespace pyseq
