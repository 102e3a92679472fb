#include "fixture.h"
#include "reference.h"

namespace pyseq::testing {
namespace {

/// The last two dimensions in the other order.
Tensor transposed(const Tensor& x) {
  const std::int64_t rows = x.size(-2), columns = x.size(-1);
  Tensor y = Tensor::empty(DType::float32, x.shape().with(-2, columns).with(-1, rows));
  const std::int64_t matrices = rows * columns == 0 ? 0 : x.num_elements() / (rows * columns);
  for (std::int64_t i = 0; i < matrices * rows * columns; ++i) {
    const std::int64_t matrix = i / (rows * columns), row = i / columns % rows, column = i % columns;
    y.mutable_data<float>()[(matrix * columns + column) * rows + row] = x.data<float>()[i];
  }
  return y;
}

TEST_CASE("matmul: the bits of linear, for operands that are transposed or not, any thread count") {
  const std::int64_t sizes[][3] = {{1, 1, 1},     {1, 40, 33},   {3, 17, 64},     {5, 16, 31},   {13, 48, 300},
                                   {100, 70, 5},  {2000, 3, 40}, {97, 257, 130},  {600, 1, 513}, {1, 513, 600},
                                   {300, 700, 1}, {40, 1, 1},    {250, 600, 290}, {5, 2000, 7}};
  for (const auto& [m, k, n] : sizes) {
    CAPTURE(m);
    CAPTURE(k);
    CAPTURE(n);
    const Tensor a = random({m, k}, 1), b = random({k, n}, 2);
    const Tensor at = transposed(a), bt = transposed(b);
    const Tensor expected = run_one("linear", {a, bt});
    CHECK(largest_error(expected, linear(a, bt, Tensor())) < 1e-5);
    for (const bool transpose_a : {false, true}) {
      for (const bool transpose_b : {false, true}) {
        const RunArgs args{.attrs = {{"transpose_a", transpose_a}, {"transpose_b", transpose_b}}};
        const Tensor y = same_for_all_thread_counts(
            [&] { return run("matmul", {transpose_a ? at : a, transpose_b ? bt : b}, args); })[0];
        CHECK(same_bits(y, expected));
      }
    }
  }
}

TEST_CASE("matmul: every matrix of a batch gives the bits that it gives alone") {
  const Tensor a = random({2, 3, 7, 40}, 1), b = random({2, 3, 40, 20}, 2), shared = random({40, 20}, 3);
  for (const bool transpose_a : {false, true}) {
    const RunArgs args{.attrs = {{"transpose_a", transpose_a}}};
    const Tensor left = transpose_a ? transposed(a) : a;
    const Tensor y = same_for_all_thread_counts([&] { return run("matmul", {left, b}, args); })[0];
    const Tensor z = same_for_all_thread_counts([&] { return run("matmul", {left, shared}, args); })[0];
    CHECK(y.shape() == Shape{2, 3, 7, 20});
    for (std::int64_t i = 0; i < 6; ++i) {
      const Tensor one = a.reshaped({6, 7, 40}).rows(i, 1).reshaped({7, 40});
      const Tensor own = b.reshaped({6, 40, 20}).rows(i, 1).reshaped({40, 20});
      CHECK(same_bits(y.reshaped({6, 7, 20}).rows(i, 1).reshaped({7, 20}), run_one("matmul", {one, own})));
      CHECK(same_bits(z.reshaped({6, 7, 20}).rows(i, 1).reshaped({7, 20}), run_one("matmul", {one, shared})));
    }
  }
}

TEST_CASE("matmul: sizes of zero") {
  CHECK(run_one("matmul", {random({0, 3}, 1), random({3, 4}, 2)}).shape() == Shape{0, 4});
  CHECK(run_one("matmul", {random({2, 3}, 1), random({3, 0}, 2)}).shape() == Shape{2, 0});
  CHECK(run_one("matmul", {random({0, 2, 3}, 1), random({0, 3, 4}, 2)}).shape() == Shape{0, 2, 4});
  const Tensor zeros = run_one("matmul", {random({2, 0}, 1), random({0, 4}, 2)});
  CHECK(same_bits(zeros, Tensor::from<float>({2, 4}, {0, 0, 0, 0, 0, 0, 0, 0})));
  const Tensor column = run_one("matmul", {random({2, 0}, 1), random({0, 1}, 2)});
  CHECK(same_bits(column, Tensor::from<float>({2, 1}, {0, 0})));
}

TEST_CASE("matmul: errors") {
  const Tensor a = random({2, 5, 3}, 1);
  const auto error = [&](const Tensor& left, const Tensor& right, const NamedAttrs& attrs = {}) {
    return error_of([&] { run("matmul", {left, right}, {.attrs = attrs}); });
  };
  CHECK(error(a, random({4, 6}, 2)) ==
        "ShapeError: matmul: b has shape [4, 6], expected 3 rows (columns of a [2, 5, 3])");
  CHECK(error(a, random({3, 6}, 2), {{"transpose_a", true}}) ==
        "ShapeError: matmul: b has shape [3, 6], expected 5 rows (rows of a [2, 5, 3])");
  CHECK(error(a, random({6, 4}, 2), {{"transpose_b", true}}) ==
        "ShapeError: matmul: b has shape [6, 4], expected 3 columns (columns of a [2, 5, 3])");
  CHECK(error(a, random({3, 3, 6}, 2)) ==
        "ShapeError: matmul: b has shape [3, 3, 6], expected 2 dimensions, or the leading dimensions of a [2, 5, 3]");
  CHECK(error(random({3}, 1), random({3, 6}, 2)) ==
        "ShapeError: matmul: a has shape [3], expected at least 2 dimensions");
  CHECK(error(a, random({3}, 2)) == "ShapeError: matmul: b has shape [3], expected at least 2 dimensions");
  CHECK(error(a, integers({3})) == "DTypeError: matmul: b has dtype int64, expected float32");
  CHECK(error(a, pack_weight(random({3, 6}, 2))) ==
        "ShapeError: matmul: b has a packed layout, expected a row-major tensor");
}

TEST_CASE("matmul stops at its limits within a call") {
  int polls = 0;
  RunArgs args;
  args.limits.poll = [&] {
    if (++polls == 3) throw CancelledError("stop");
  };
  const int before = num_threads();
  set_num_threads(1);
  CHECK_THROWS_AS(run("matmul", {random({200, 1300}, 1), random({1300, 300}, 2)}, args), CancelledError);
  set_num_threads(before);
}

}  // namespace
}  // namespace pyseq::testing
