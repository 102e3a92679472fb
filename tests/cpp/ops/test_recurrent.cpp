#include <atomic>
#include <chrono>
#include <optional>

#include "fixture.h"
#include "reference.h"

namespace pyseq::testing {
namespace {

struct Cell {
  std::string name;  // of the reference
  std::string op;
  int gates;
  NamedAttrs attrs;
  bool is_lstm() const { return op == "lstm"; }
};
const std::vector<Cell> kCells = {{"rnn", "rnn", 1, {}},
                                  {"rnn_relu", "rnn", 1, {{"nonlinearity", std::string("relu")}}},
                                  {"gru", "gru", 3, {}},
                                  {"lstm", "lstm", 4, {}}};

CellWeights weights(const Cell& cell, std::int64_t in, std::int64_t hidden, unsigned seed, bool biases = true) {
  const std::int64_t rows = cell.gates * hidden;
  const float range = 1.0F / std::sqrt(static_cast<float>(hidden));
  CellWeights result{random({rows, in}, seed, -range, range), random({rows, hidden}, seed + 1, -range, range), {}, {}};
  if (biases) {
    result.b_ih = random({rows}, seed + 2);
    result.b_hh = random({rows}, seed + 3);
  }
  return result;
}

CellWeights packed(const Cell& cell, const CellWeights& w) {
  return {pack_weight(w.w_ih, cell.gates), pack_weight(w.w_hh, cell.gates), w.b_ih, w.b_hh};
}

/// Without the outputs that only a tape asks for.
std::vector<Tensor> computed(std::vector<Tensor> outputs) {
  std::erase_if(outputs, [](const Tensor& output) { return !output.defined(); });
  return outputs;
}

/// A layer with its inputs, as the op takes them.
struct Layer {
  Cell cell;
  Tensor x;
  std::vector<CellWeights> directions;
  std::optional<std::vector<std::int64_t>> lengths = {};
  Tensor h0 = {}, c0 = {};

  std::vector<Tensor> run(const RunLimits& limits = {}) const {
    std::vector<Tensor> inputs = {x};
    for (std::size_t direction = 0; direction < 2; ++direction) {
      const CellWeights w = direction < directions.size() ? directions[direction] : CellWeights{};
      inputs.insert(inputs.end(), {w.w_ih, w.w_hh, w.b_ih, w.b_hh});
    }
    inputs.push_back(lengths ? integers(*lengths) : Tensor());
    inputs.push_back(h0);
    if (cell.is_lstm()) inputs.push_back(c0);
    return computed(testing::run(cell.op, inputs, {.attrs = cell.attrs, .limits = limits}));
  }
  RecurrentResult expected() const {
    const std::vector<std::int64_t> whole(static_cast<std::size_t>(x.size(0)), x.size(1));
    return recurrent(cell.name, x, directions, lengths.value_or(whole), h0, c0);
  }
};

void check_against_reference(const Layer& layer, const std::vector<Tensor>& result, double tolerance = 1e-5) {
  const RecurrentResult expected = layer.expected();
  CHECK(largest_error(result[0], expected.y) < tolerance);
  CHECK(largest_error(result[1], expected.h) < tolerance);
  if (layer.cell.is_lstm()) CHECK(largest_error(result[2], expected.c) < tolerance);
}

TEST_CASE("rnn, gru, lstm: float64, packed = row-major, any thread count") {
  for (const Cell& cell : kCells) {
    for (const std::int64_t hidden : {1, 16, 17, 32, 33, 48, 100}) {
      CAPTURE(cell.name);
      CAPTURE(hidden);
      const Layer layer{cell, random({3, 7, 5}, 1, -2.0F, 2.0F), {weights(cell, 5, hidden, 2)}};
      const auto result = same_for_all_thread_counts([&] { return layer.run(); });
      check_against_reference(layer, result);
      Layer with_panels = layer;
      with_panels.directions = {packed(cell, layer.directions[0])};
      CHECK(same_bits(with_panels.run(), result));
    }
  }
}

TEST_CASE("rnn, gru, lstm: wide enough for several threads in a region") {
  for (const Cell& cell : kCells) {
    CAPTURE(cell.name);
    const Layer layer{cell, random({6, 9, 40}, 1), {weights(cell, 40, 330, 2), weights(cell, 40, 330, 7)}};
    check_against_reference(layer, same_for_all_thread_counts([&] { return layer.run(); }));
  }
}

TEST_CASE("rnn, gru, lstm: both directions, lengths, initial states, no biases") {
  for (const Cell& cell : kCells) {
    CAPTURE(cell.name);
    Layer layer{cell, random({5, 6, 8}, 1), {weights(cell, 8, 20, 2), weights(cell, 8, 20, 7, false)}};
    layer.lengths = {4, 6, 0, 1, 6};
    layer.h0 = random({5, 40}, 12);
    if (cell.is_lstm()) layer.c0 = random({5, 40}, 13);
    check_against_reference(layer, same_for_all_thread_counts([&] { return layer.run(); }));
  }
}

TEST_CASE("rnn, gru, lstm: neither batch nor padding changes a bit") {
  for (const Cell& cell : kCells) {
    CAPTURE(cell.name);
    Layer layer{cell, random({14, 9, 30}, 1), {weights(cell, 30, 70, 2), weights(cell, 30, 70, 7)}};
    layer.lengths = {9, 3, 0, 5, 9, 1, 2, 8, 7, 4, 4, 6, 9, 9};
    layer.h0 = random({14, 140}, 12);
    layer.x = with_nan_padding(layer.x, *layer.lengths);
    const auto batch = layer.run();
    for (std::int64_t row = 0; row < 14; ++row) {
      CAPTURE(row);
      const std::int64_t length = (*layer.lengths)[static_cast<std::size_t>(row)];
      const Layer alone{cell, first_steps(layer.x.rows(row, 1), length), layer.directions, {}, layer.h0.rows(row, 1)};
      const auto result = alone.run();
      CHECK(same_bits(result[0], first_steps(batch[0].rows(row, 1), length)));
      for (std::size_t state = 1; state < batch.size(); ++state) {
        CHECK(same_bits(result[state], batch[state].rows(row, 1)));
      }
      const float* rest = batch[0].rows(row, 1).data<float>() + length * 140;
      CHECK(std::all_of(rest, rest + (9 - length) * 140, [](float value) { return value == 0.0F; }));
    }
  }
}

TEST_CASE("rnn, gru, lstm: a sequence gives the bits of its steps") {
  for (const Cell& cell : kCells) {
    for (const bool biases : {true, false}) {
      CAPTURE(cell.name);
      const CellWeights w = weights(cell, 12, 75, 2, biases);
      const Layer layer{cell, random({4, 10, 12}, 1), {w}, {}, random({4, 75}, 5)};
      const auto sequence = layer.run();
      std::vector<Tensor> state = {layer.h0};
      if (cell.is_lstm()) state.push_back(Tensor::zeros(DType::float32, {4, 75}));
      for (std::int64_t t = 0; t < 10; ++t) {
        std::vector<Tensor> inputs = {step_of(layer.x, t)};
        inputs.insert(inputs.end(), state.begin(), state.end());
        inputs.insert(inputs.end(), {w.w_ih, w.w_hh, w.b_ih, w.b_hh});
        state = computed(run(cell.op + "_step", inputs, {.attrs = cell.attrs}));
        REQUIRE(same_bits(state[0], step_of(sequence[0], t)));
      }
      CHECK(same_bits(state, std::vector<Tensor>(sequence.begin() + 1, sequence.end())));
    }
  }
}

TEST_CASE("lstm: sequences too long for one input projection go on where they stopped") {
  const Cell& cell = kCells[3];
  Layer layer{cell, random({2, 400, 3}, 1), {weights(cell, 3, 2000, 2)}};  // 8000 gate values per step and row
  layer.lengths = {400, 270};
  const auto result = layer.run();
  const Layer start{cell, first_steps(layer.x, 250), layer.directions};
  const auto first = start.run();
  CHECK(same_bits(first[0], first_steps(result[0], 250)));
  Layer rest{cell,
             run_one("slice", {layer.x},
                     {{"axis", std::int64_t{1}}, {"begin", std::int64_t{250}}, {"end", std::int64_t{400}}}),
             layer.directions,
             std::vector<std::int64_t>{150, 20},
             first[1],
             first[2]};
  const auto second = rest.run();
  CHECK(same_bits(second[1], result[1]));
  CHECK(same_bits(second[2], result[2]));
}

TEST_CASE("rnn, gru, lstm: empty batches, times and widths") {
  for (const Cell& cell : kCells) {
    CAPTURE(cell.name);
    const std::vector<CellWeights> both = {weights(cell, 5, 20, 2), weights(cell, 5, 20, 7)};
    CHECK(Layer{cell, random({0, 3, 5}, 1), both}.run()[1].shape() == Shape{0, 40});
    Layer no_time{cell, random({2, 0, 5}, 1), both, {}, random({2, 40}, 3)};
    CHECK(no_time.run()[0].shape() == Shape{2, 0, 40});
    CHECK(same_bits(no_time.run()[1], no_time.h0));
    no_time.h0 = {};
    CHECK(same_bits(no_time.run()[1], Tensor::zeros(DType::float32, {2, 40})));
    const Layer no_input{cell, random({2, 3, 0}, 1), {weights(cell, 0, 20, 2)}};
    check_against_reference(no_input, no_input.run());
    CHECK(Layer{cell, random({2, 3, 5}, 1), {weights(cell, 5, 0, 2)}}.run()[0].shape() == Shape{2, 3, 0});
  }
}

TEST_CASE("recurrent ops: errors") {
  const Cell& gru = kCells[2];
  const CellWeights w = weights(gru, 5, 4, 1);
  const Tensor x = random({2, 3, 5}, 2);
  const auto error = [](std::string_view op, const std::vector<Tensor>& inputs, const NamedAttrs& attrs = {}) {
    return error_of([&] { run(op, inputs, {.attrs = attrs}); });
  };
  CHECK(error("gru", {x, random({12, 6}, 1), w.w_hh}) ==
        "ShapeError: gru: w_ih has shape [12, 6], expected [12, 5] (3 gates of 4 hidden units, last dimension of x)");
  CHECK(error("lstm", {x, w.w_ih, w.w_hh}) ==
        "ShapeError: lstm: w_hh has shape [12, 4], expected [16, 4] (4 gates of 4 hidden units)");
  CHECK(error("gru", {x, w.w_ih, w.w_hh, random({4}, 1)}) ==
        "ShapeError: gru: b_ih has 4 elements, expected 12 (3 gates of 4 hidden units)");
  CHECK(error("gru", {x, w.w_ih, w.w_hh, {}, {}, w.w_ih}) ==
        "ValueError: gru: w_hh_reverse is missing beside w_ih_reverse");
  CHECK(error("gru", {x, w.w_ih, w.w_hh, {}, {}, {}, {}, w.b_ih}) ==
        "ValueError: gru: w_ih_reverse is missing beside b_ih_reverse");
  CHECK(error("gru", {x, w.w_ih, w.w_hh, {}, {}, {}, {}, {}, {}, integers({3, 4})}) ==
        "ValueError: gru: lengths has 4 in row 1, expected 0 to 3 (steps in the batch)");
  CHECK(error("gru", {x, w.w_ih, w.w_hh, {}, {}, {}, {}, {}, {}, {}, random({2, 8}, 1)}) ==
        "ShapeError: gru: h0 has shape [2, 8], expected [2, 4] (batch of x, directions * hidden)");
  CHECK(error("gru", {x, pack_weight(w.w_ih), w.w_hh}) ==
        "ShapeError: gru: w_ih has been packed with gates 1, expected 3");
  CHECK(error("gru_step", {random({2, 5}, 1), random({3, 4}, 1), w.w_ih, w.w_hh}) ==
        "ShapeError: gru_step: h has shape [3, 4], expected [2, 4] (batch of x, hidden)");
  CHECK(error("rnn", {x, random({4, 5}, 1), random({4, 4}, 1)}, {{"nonlinearity", std::string("gelu")}}) ==
        "ValueError: rnn: nonlinearity has 'gelu', expected tanh or relu");
}

TEST_CASE("lstm stops at its limits on any number of threads, and works again afterwards") {
  const Cell& cell = kCells[3];
  const Layer layer{cell, random({2, 200, 20}, 1), {weights(cell, 20, 300, 2)}};
  const auto expected = layer.run();
  const int before = num_threads();
  for (const int threads : {1, 2, 3}) {
    set_num_threads(threads);
    std::atomic<int> polls = 0;
    RunLimits limits;
    limits.poll = [&] {
      if (++polls > 5) throw CancelledError("stop");
    };
    CHECK_THROWS_AS(layer.run(limits), CancelledError);
    CHECK_THROWS_AS(layer.run(RunLimits::within(std::chrono::nanoseconds(0))), DeadlineError);
    CHECK(same_bits(layer.run(), expected));
  }
  set_num_threads(before);
}

}  // namespace
}  // namespace pyseq::testing
