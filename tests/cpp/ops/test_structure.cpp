#include "fixture.h"

namespace pyseq::testing {
namespace {

Tensor counting(const Shape& shape) {
  Tensor tensor = Tensor::empty(DType::int64, shape);
  for (std::int64_t i = 0; i < tensor.num_elements(); ++i) tensor.mutable_data<std::int64_t>()[i] = i;
  return tensor;
}

Tensor slice(const Tensor& x, std::int64_t axis, std::int64_t begin, std::int64_t end) {
  return run_one("slice", {x}, {{"axis", axis}, {"begin", begin}, {"end", end}});
}

TEST_CASE("concat joins the last dimension, of any element type") {
  const Tensor a = counting({2, 3}), b = counting({2, 2});
  CHECK(same_bits(run_one("concat", {a, b}), integers({0, 1, 2, 0, 1, 3, 4, 5, 2, 3}).reshaped({2, 5})));
  CHECK(same_bits(run_one("concat", {counting({2}), counting({1})}), integers({0, 1, 0})));
  CHECK(same_bits(run_one("concat", {a, counting({2, 0})}), a));
  CHECK(run_one("concat", {counting({0, 3}), counting({0, 2})}).shape() == Shape{0, 5});
  const Tensor x = random({400, 300}, 1), y = random({400, 100}, 2);
  const Tensor joined = same_for_all_thread_counts([&] { return run("concat", {x, y}); })[0];
  CHECK(same_bits(slice(joined, 1, 0, 300), x));
  CHECK(same_bits(slice(joined, -1, 300, 400), y));
}

TEST_CASE("concat: errors") {
  CHECK(error_of([] { run("concat", {random({2, 3}, 1), random({3, 3}, 1)}); }) ==
        "ShapeError: concat: b has shape [3, 3], expected sizes of a [2, 3] in all dimensions but the last");
  CHECK(error_of([] { run("concat", {random({2}, 1), counting({2})}); }) ==
        "DTypeError: concat: b has dtype int64, expected float32");
  CHECK(error_of([] { run("concat", {random({2}, 1), random({2, 1}, 1)}); }) ==
        "ShapeError: concat: b has shape [2, 1], expected 1 dimensions");
}

TEST_CASE("slice cuts one axis") {
  const Tensor x = counting({2, 3, 4});
  CHECK(same_bits(slice(x, 0, 1, 2), slice(x, -3, 1, 2)));
  CHECK(slice(x, 0, 1, 2).data<std::int64_t>()[0] == 12);
  CHECK(same_bits(slice(x, 1, 1, 2), integers({4, 5, 6, 7, 16, 17, 18, 19}).reshaped({2, 1, 4})));
  CHECK(same_bits(slice(x, 2, 3, 4), integers({3, 7, 11, 15, 19, 23}).reshaped({2, 3, 1})));
  CHECK(slice(x, 1, 2, 2).shape() == Shape{2, 0, 4});
  CHECK(slice(counting({0, 3}), 1, 0, 2).shape() == Shape{0, 2});
}

TEST_CASE("slice: errors") {
  const auto error = [](std::int64_t axis, std::int64_t begin, std::int64_t end) {
    return error_of([&] { slice(counting({2, 5}), axis, begin, end); });
  };
  CHECK(error(1, 0, 7) == "ValueError: slice: end has 7, expected 0 to 5 (axis 1 of x [2, 5])");
  CHECK(error(-1, 3, 2) == "ValueError: slice: begin has 3, expected 0 to 2 (end)");
  CHECK(error(1, -1, 2) == "ValueError: slice: begin has -1, expected 0 to 2 (end)");
  CHECK(error(2, 0, 1) == "ValueError: slice: axis has 2, expected an axis of x [2, 5]");
}

TEST_CASE("gather_rows repeats, drops and permutes rows") {
  const Tensor x = counting({3, 2});
  CHECK(same_bits(run_one("gather_rows", {x, integers({2, 0, 2, 1})}),
                  integers({4, 5, 0, 1, 4, 5, 2, 3}).reshaped({4, 2})));
  CHECK(same_bits(run_one("gather_rows", {counting({3}), integers({1})}), integers({1})));
  CHECK(run_one("gather_rows", {x, integers({})}).shape() == Shape{0, 2});
  CHECK(error_of([&] { run("gather_rows", {x, integers({3})}); }) ==
        "IndexError: gather_rows: rows has 3, expected an index into the 3 rows of x");
  CHECK(error_of([&] { run("gather_rows", {x, counting({1, 1})}); }) ==
        "ShapeError: gather_rows: rows has shape [1, 1], expected [any]");
}

}  // namespace
}  // namespace pyseq::testing
