#include <thread>

#include "fixture.h"
#include "reference.h"

namespace pyseq::testing {
namespace {

struct Sinusoids {
  std::string layout = "interleaved";
  bool inclusive = false;
  double base = 10000.0;
  std::int64_t start = 0;

  NamedAttrs attrs() const { return {{"layout", layout}, {"inclusive", inclusive}, {"base", base}, {"start", start}}; }
  double at(std::int64_t position, std::int64_t width, std::int64_t column) const {
    const std::int64_t half = width / 2;
    const bool split = layout == "split";
    const std::int64_t i = split ? column % half : column / 2;
    const bool is_sine = split ? column < half : column % 2 == 0;
    const double steps = inclusive ? std::max<double>(1.0, static_cast<double>(half - 1)) : static_cast<double>(half);
    const double angle = static_cast<double>(position) * std::pow(base, -static_cast<double>(i) / steps);
    return is_sine ? std::sin(angle) : std::cos(angle);
  }
};

/// x plus the sinusoids, positions of row b starting at `start` + offsets[b].
Values expected_sum(const Sinusoids& sinusoids, const Tensor& x, const std::vector<std::int64_t>& offsets) {
  Values y = to_double(x);
  const std::int64_t time = x.size(1), width = x.size(2);
  for (std::int64_t i = 0; i < x.num_elements(); ++i) {
    const std::int64_t row = i / (time * width), t = i / width % time;
    y[static_cast<std::size_t>(i)] +=
        sinusoids.at(sinusoids.start + offsets[static_cast<std::size_t>(row)] + t, width, i % width);
  }
  return y;
}

TEST_CASE("sinusoidal_positions: both layouts, inclusive or not, start and offsets") {
  for (const std::string layout : {"interleaved", "split"}) {
    for (const bool inclusive : {false, true}) {
      for (const std::int64_t width : {2, 4, 10, 64}) {
        CAPTURE(layout);
        CAPTURE(width);
        const Sinusoids sinusoids{layout, inclusive, 1000.0, 3};
        const Tensor x = random({3, 20, width}, 1);
        const Tensor without = run_one("sinusoidal_positions", {x}, sinusoids.attrs());
        CHECK(largest_error(without, expected_sum(sinusoids, x, {0, 0, 0})) < 1e-6);
        const Tensor with = run_one("sinusoidal_positions", {x, integers({5, 0, 400})}, sinusoids.attrs());
        CHECK(largest_error(with, expected_sum(sinusoids, x, {5, 0, 400})) < 1e-6);
      }
    }
  }
}

TEST_CASE("sinusoidal_positions: positions too far for a table are the same function") {
  const Tensor x = random({2, 3, 4096}, 1);  // a table of this width ends at position 1024
  const Sinusoids sinusoids;
  const std::vector<std::int64_t> offsets = {1022, 1000000};
  const Tensor y = same_for_all_thread_counts([&] { return run("sinusoidal_positions", {x, integers(offsets)}); })[0];
  CHECK(largest_error(y, expected_sum(sinusoids, x, offsets)) < 1e-6);
}

TEST_CASE("sinusoidal_positions: a step at an offset gives the bits of the whole sequence") {
  const Tensor x = random({1, 300, 32}, 1), y = run_one("sinusoidal_positions", {x});
  for (const std::int64_t t : {0, 1, 255, 256, 299}) {
    const Tensor step = step_of(x, t).reshaped({1, 1, 32});
    const Tensor one = run_one("sinusoidal_positions", {step, integers({t})});
    CHECK(same_bits(one.reshaped({1, 32}), step_of(y, t)));
  }
}

TEST_CASE("sinusoidal_positions: threads of the caller grow tables at the same time") {
  std::vector<std::thread> threads;
  std::vector<double> errors(4, 1.0);
  for (std::int64_t i = 0; i < 4; ++i) {
    threads.emplace_back([i, &errors] {
      double worst = 0.0;
      for (std::int64_t round = 0; round < 12; ++round) {
        const Sinusoids sinusoids{.base = 50.0 + static_cast<double>((round + i) % 10)};
        const Tensor x = random({1, 100 * (i + 1), 6}, 1);
        const Tensor y = run_one("sinusoidal_positions", {x}, sinusoids.attrs());
        const Values expected = expected_sum(sinusoids, x, {0});
        for (std::size_t k = 0; k < expected.size(); ++k) {
          worst = std::max(worst, std::abs(y.data<float>()[k] - expected[k]));
        }
      }
      errors[static_cast<std::size_t>(i)] = worst;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const double error : errors) CHECK(error < 1e-6);
}

TEST_CASE("sinusoidal_positions: empty inputs and errors") {
  for (const Shape& shape : {Shape{0, 3, 4}, Shape{2, 0, 4}, Shape{2, 3, 0}}) {
    CHECK(run_one("sinusoidal_positions", {random(shape, 1)}).shape() == shape);
  }
  const Tensor x = random({2, 3, 4}, 1);
  const auto error = [](const std::vector<Tensor>& inputs, const NamedAttrs& attrs = {}) {
    return error_of([&] { run("sinusoidal_positions", inputs, {.attrs = attrs}); });
  };
  CHECK(error({random({2, 3, 5}, 1)}) ==
        "ShapeError: sinusoidal_positions: x has width 5, expected an even width (pairs of sine and cosine)");
  CHECK(error({x, integers({0, -1})}) ==
        "ValueError: sinusoidal_positions: offset has -1 in row 1, expected a position, zero or more");
  CHECK(error({x, integers({0})}) ==
        "ShapeError: sinusoidal_positions: offset has 1 elements, expected 2 (batch of x [2, 3, 4])");
  CHECK(error({x}, {{"layout", std::string("mixed")}}) ==
        "ValueError: sinusoidal_positions: layout has 'mixed', expected interleaved or split");
  CHECK(error({x}, {{"start", std::int64_t{-2}}}) ==
        "ValueError: sinusoidal_positions: start has -2, expected a position, zero or more");
}

TEST_CASE("learned_positions adds rows of the table") {
  const Tensor x = random({2, 3, 4}, 1), weight = random({9, 4}, 2);
  const Tensor y = run_one("learned_positions", {x, weight, integers({0, 4})}, {{"start", std::int64_t{2}}});
  for (std::int64_t i = 0; i < x.num_elements(); ++i) {
    const std::int64_t position = 2 + (i / 12 == 0 ? 0 : 4) + i / 4 % 3;
    CHECK(y.data<float>()[i] == x.data<float>()[i] + weight.data<float>()[position * 4 + i % 4]);
  }
  CHECK(run_one("learned_positions", {random({2, 0, 4}, 1), weight, integers({99, 0})}).shape() == Shape{2, 0, 4});
  CHECK(run_one("learned_positions", {random({0, 3, 4}, 1), weight}).shape() == Shape{0, 3, 4});
}

TEST_CASE("learned_positions: positions beyond the table") {
  const Tensor x = random({2, 3, 4}, 1), weight = random({5, 4}, 2);
  CHECK(error_of([&] { run("learned_positions", {x, weight, integers({2, 3})}); }) ==
        "IndexError: learned_positions: row 1 has start 0, offset 3 and 3 steps, expected positions within the 5 rows "
        "of weight");
  CHECK(error_of([&] { run("learned_positions", {x, weight, integers({-1, 0})}); }) ==
        "IndexError: learned_positions: row 0 has start 0, offset -1 and 3 steps, expected positions within the 5 rows "
        "of weight");
  for (const std::int64_t far : {std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()}) {
    CHECK_THROWS_AS(run("learned_positions", {x, weight, integers({0, far})}), IndexError);
    CHECK_THROWS_AS(run("sinusoidal_positions", {x, integers({0, far})}), ValueError);
  }
  CHECK(error_of([&] { run("learned_positions", {x, random({5, 3}, 2)}); }) ==
        "ShapeError: learned_positions: weight has shape [5, 3], expected [any, 4] (width of x [2, 3, 4])");
}

}  // namespace
}  // namespace pyseq::testing
