#include "fixture.h"
#include "reference.h"

namespace pyseq::testing {
namespace {

/// a op b with b repeated over a.
Values repeated(const Tensor& a, const Tensor& b, double (*op)(double, double)) {
  const Values x = to_double(a), y = to_double(b);
  Values result(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) result[i] = op(x[i], y[i % y.size()]);
  return result;
}

TEST_CASE("add and multiply: the same shape or a suffix of it") {
  const Shape shapes[][2] = {{{5}, {5}},          {{3, 4}, {4}},      {{3, 4}, {}},        {{}, {}},
                             {{2, 3, 4}, {3, 4}}, {{1, 7}, {1, 7}},   {{300, 200}, {200}}, {{2, 40000}, {40000}},
                             {{60000, 2}, {2}},   {{70000}, {70000}}, {{70000}, {}}};
  for (const auto& [shape_a, shape_b] : shapes) {
    CAPTURE(shape_a.to_string());
    CAPTURE(shape_b.to_string());
    const Tensor a = random(shape_a, 1), b = random(shape_b, 2);
    const Tensor sum = same_for_all_thread_counts([&] { return run("add", {a, b}); })[0];
    CHECK(largest_error(sum, repeated(a, b, [](double x, double y) { return x + y; })) < 1e-7);
    const Tensor product = same_for_all_thread_counts([&] { return run("multiply", {a, b}); })[0];
    CHECK(largest_error(product, repeated(a, b, [](double x, double y) { return x * y; })) < 1e-7);
  }
}

TEST_CASE("add and multiply: nothing to do, and errors") {
  CHECK(run_one("add", {random({0, 3}, 1), random({3}, 1)}).shape() == Shape{0, 3});
  CHECK(run_one("multiply", {random({2, 0}, 1), random({0}, 1)}).shape() == Shape{2, 0});
  CHECK(error_of([] { run("add", {random({2, 3}, 1), random({2}, 1)}); }) ==
        "ShapeError: add: b has shape [2], expected the shape of a [2, 3] or its last dimensions");
  CHECK(error_of([] { run("multiply", {random({3}, 1), random({2, 3}, 1)}); }) ==
        "ShapeError: multiply: b has shape [2, 3], expected the shape of a [3] or its last dimensions");
  CHECK(error_of([] { run("add", {random({1}, 1), integers({1})}); }) ==
        "DTypeError: add: b has dtype int64, expected float32");
}

TEST_CASE("add_integer wraps around at the end of the range") {
  const Tensor x = integers({0, 5, std::numeric_limits<std::int64_t>::max()});
  const Tensor y = run_one("add_integer", {x}, {{"amount", std::int64_t{2}}});
  CHECK(same_bits(y, integers({2, 7, std::numeric_limits<std::int64_t>::min() + 1})));
  CHECK(error_of([] { run("add_integer", {random({1}, 1)}, {.attrs = {{"amount", std::int64_t{1}}}}); }) ==
        "DTypeError: add_integer: x has dtype float32, expected int64");
}

TEST_CASE("relu, tanh, sigmoid and gelu") {
  const std::pair<std::string, NamedAttrs> cases[] = {
      {"relu", {}}, {"tanh", {}}, {"sigmoid", {}}, {"gelu", {}}, {"gelu", {{"approximate", std::string("tanh")}}}};
  for (const auto& [op, attrs] : cases) {
    CAPTURE(op);
    const std::string reference = attrs.empty() ? op : "gelu_tanh";
    for (const Shape& shape : {Shape{}, Shape{7}, Shape{3, 0}, Shape{101, 211}}) {
      const Tensor x = random(shape, 1, -6.0F, 6.0F);
      Values expected = to_double(x);
      for (double& value : expected) value = activated(reference, value);
      const Tensor y = same_for_all_thread_counts([&] { return run(op, {x}, {.attrs = attrs}); })[0];
      CHECK(y.shape() == shape);
      CHECK(largest_error(y, expected) < 1e-6);
    }
  }
  CHECK(error_of([] { run("gelu", {random({1}, 1)}, {.attrs = {{"approximate", std::string("fast")}}}); }) ==
        "ValueError: gelu: approximate has 'fast', expected none or tanh");
}

}  // namespace
}  // namespace pyseq::testing
