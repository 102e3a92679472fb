// layer_norm, softmax and log_softmax.
#include "fixture.h"
#include "reference.h"

namespace pyseq::testing {
namespace {

constexpr std::int64_t kSizes[][2] = {{1, 1}, {3, 5}, {2, 300}, {70, 513}, {5000, 7}};

Values layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double epsilon) {
  Values y = to_double(x);
  const auto columns = static_cast<std::size_t>(x.size(-1));
  for (std::size_t row = 0; row < y.size(); row += columns) {
    double mean = 0.0, variance = 0.0;
    for (std::size_t i = 0; i < columns; ++i) mean += y[row + i] / static_cast<double>(columns);
    for (std::size_t i = 0; i < columns; ++i) {
      variance += (y[row + i] - mean) * (y[row + i] - mean) / static_cast<double>(columns);
    }
    for (std::size_t i = 0; i < columns; ++i) {
      y[row + i] = (y[row + i] - mean) / std::sqrt(variance + epsilon);
      if (weight.defined()) y[row + i] *= weight.data<float>()[i];
      if (bias.defined()) y[row + i] += bias.data<float>()[i];
    }
  }
  return y;
}

Values softmax(const Tensor& x, bool logarithm) {
  Values y = to_double(x);
  const auto columns = static_cast<std::size_t>(x.size(-1));
  for (std::size_t row = 0; row < y.size(); row += columns) {
    double sum = 0.0;
    for (std::size_t i = 0; i < columns; ++i) sum += std::exp(y[row + i]);
    for (std::size_t i = 0; i < columns; ++i) y[row + i] -= std::log(sum);
    for (std::size_t i = 0; i < columns && !logarithm; ++i) y[row + i] = std::exp(y[row + i]);
  }
  return y;
}

TEST_CASE("layer_norm: float64, with and without weight and bias") {
  for (const auto& [rows, columns] : kSizes) {
    CAPTURE(rows);
    CAPTURE(columns);
    const Tensor x = random({rows, columns}, 1, -3.0F, 5.0F);
    const Tensor weight = random({columns}, 2), bias = random({columns}, 3);
    for (const auto& [w, b] : {std::pair{weight, bias}, {weight, Tensor()}, {Tensor(), bias}, {Tensor(), Tensor()}}) {
      const Tensor y = same_for_all_thread_counts([&, w = w, b = b] { return run("layer_norm", {x, w, b}); })[0];
      CHECK(largest_error(y, layer_norm(x, w, b, 1e-5)) < 1e-5);
    }
    const Tensor smooth = run_one("layer_norm", {x, weight, bias}, {{"epsilon", 0.5}});
    CHECK(largest_error(smooth, layer_norm(x, weight, bias, 0.5)) < 1e-5);
  }
}

TEST_CASE("softmax and log_softmax: float64, any thread count") {
  for (const auto& [rows, columns] : kSizes) {
    CAPTURE(rows);
    CAPTURE(columns);
    const Tensor x = random({rows, columns}, 1, -9.0F, 9.0F);
    const Tensor y = same_for_all_thread_counts([&] { return run("softmax", {x}); })[0];
    CHECK(largest_error(y, softmax(x, false)) < 1e-6);
    const Tensor log_y = same_for_all_thread_counts([&] { return run("log_softmax", {x}); })[0];
    CHECK(largest_error(log_y, softmax(x, true)) < 1e-6);
  }
}

TEST_CASE("layer_norm, softmax, log_softmax: a row alone gives the bits it gives in a batch; empty shapes") {
  for (const std::string op : {"layer_norm", "softmax", "log_softmax"}) {
    CAPTURE(op);
    const Tensor x = random({37, 300}, 1), y = run_one(op, {x});
    for (const std::int64_t row : {0, 1, 20, 36}) {
      CHECK(same_bits(run_one(op, {x.rows(row, 1)}), y.rows(row, 1)));
    }
    for (const Shape& shape : {Shape{0, 4}, Shape{2, 0, 4}, Shape{3, 0}}) {
      CHECK(run_one(op, {random(shape, 1)}).shape() == shape);
    }
    CHECK(error_of([&] { run(op, {random({}, 1)}); }) ==
          "ShapeError: " + op + ": x has shape [], expected at least 1 dimension");
  }
}

TEST_CASE("layer_norm: errors") {
  const Tensor x = random({2, 4}, 1);
  CHECK(error_of([&] { run("layer_norm", {x, {}, random({2, 2}, 1)}); }) ==
        "ShapeError: layer_norm: bias has shape [2, 2], expected [4] (last dimension of x [2, 4])");
  CHECK(error_of([&] { run("layer_norm", {x}, {.attrs = {{"epsilon", -1.0}}}); }) ==
        "ValueError: layer_norm: epsilon has -1.000000, expected a finite number, zero or more");
}

TEST_CASE("norms of residual sums: the bits of the separate ops, for any number of threads") {
  for (const auto& [rows, columns] : kSizes) {
    CAPTURE(rows);
    CAPTURE(columns);
    const Tensor x = random({rows, columns}, 1), residual = random({rows, columns}, 2), bias = random({columns}, 3);
    const Tensor weight = random({columns}, 4), shift = random({columns}, 5);
    const Tensor sum = run_one("add", {run_one("add", {x, bias}), residual});
    const auto layer =
        same_for_all_thread_counts([&] { return run("add_layer_norm", {x, residual, weight, shift, bias}); });
    CHECK(same_bits(layer, {run_one("layer_norm", {sum, weight, shift}), sum}));
    const auto rms = same_for_all_thread_counts([&] { return run("add_rms_norm", {x, residual, weight, bias}); });
    CHECK(same_bits(rms, {run_one("rms_norm", {sum, weight}), sum}));
  }
  CHECK(error_of([] { run("add_rms_norm", {random({2, 4}, 1), random({4}, 1)}); }) ==
        "ShapeError: add_rms_norm: residual has shape [4], expected the shape of x [2, 4]");
}

TEST_CASE("top_k, argmax, cross_entropy and reductions: any number of threads, a row alone") {
  const Tensor x = random({37, 3000}, 1, -9.0F, 9.0F);
  Tensor targets = Tensor::empty(DType::int64, {37});
  for (std::int64_t row = 0; row < 37; ++row) targets.mutable_data<std::int64_t>()[row] = 71 * row;
  const NamedAttrs k = {{"k", std::int64_t{20}}};
  const auto top = same_for_all_thread_counts([&] { return run("top_k", {x}, {.attrs = k}); });
  CHECK(same_bits(run("top_k", {x.rows(20, 1)}, {.attrs = k}), {top[0].rows(20, 1), top[1].rows(20, 1)}));
  const auto best = same_for_all_thread_counts([&] { return run("argmax", {x}); });
  for (std::int64_t row = 0; row < 37; ++row) {
    CHECK(best[0].data<std::int64_t>()[row] == top[1].data<std::int64_t>()[20 * row]);
  }
  const auto loss =
      same_for_all_thread_counts([&] { return run("cross_entropy", {x, targets}, {.want_optional = true}); });
  const auto one = run("cross_entropy", {x.rows(20, 1), targets.rows(20, 1)}, {.want_optional = true});
  CHECK(same_bits(one, {loss[0].rows(20, 1), loss[1].rows(20, 1)}));
  CHECK(same_bits(run_one("cross_entropy", {x, targets}), loss[0]));
  for (const std::string op : {"sum", "mean", "max"}) {
    for (const std::int64_t axis : {0, 1}) {
      same_for_all_thread_counts([&] { return run(op, {x}, {.attrs = {{"axis", axis}}}); });
    }
    CHECK(same_bits(run_one(op, {x.rows(5, 1)}), run_one(op, {x}).rows(5, 1)));
  }
}

TEST_CASE("top_k and reductions: errors") {
  const Tensor x = random({2, 4}, 1);
  CHECK(error_of([&] { run("top_k", {x}, {.attrs = {{"k", std::int64_t{5}}}}); }) ==
        "ValueError: top_k: k has 5, expected 1 to 4 (last dimension of x [2, 4])");
  CHECK(error_of([&] { run("mean", {x}, {.attrs = {{"axis", std::int64_t{2}}}}); }) ==
        "ValueError: mean: axis has 2, expected an axis of x [2, 4]");
  CHECK(error_of([&] { run("mean", {x, integers({4, 5})}); }) ==
        "ValueError: mean: lengths has 5 in row 1, expected 0 to 4 (steps in the batch)");
  CHECK(error_of([&] { run("cross_entropy", {x, integers({0, 4})}); }) ==
        "IndexError: cross_entropy: targets has 4, expected an index into the 4 classes of logits");
  CHECK(error_of([&] { run("cross_entropy", {x, integers({0, 1})}, {.attrs = {{"label_smoothing", 1.5}}}); }) ==
        "ValueError: cross_entropy: label_smoothing has 1.500000, expected 0 to 1");
  CHECK(error_of([&] { run("clip", {x}, {.attrs = {{"lower", 2.0}, {"upper", 1.0}}}); }) ==
        "ValueError: clip: lower has 2.000000, expected at most 1.000000 (upper)");
}

}  // namespace
}  // namespace pyseq::testing
