// scan and repeat against the same steps written out by hand.
#include <doctest/doctest.h>

#include "program_builder.h"

using namespace pyseq;
using namespace pyseq::testing;

namespace {

constexpr std::int64_t kIn = 5, kHidden = 6;

/// (x, h, scale) -> (h' * scale, h'), one step of a GRU cell; `scale` is a const.
FunctionBuilder cell() {
  FunctionBuilder body("cell", false);
  const auto x = body.input("x", {"batch", kIn});
  const auto h = body.input("h", {"batch", kHidden});
  const auto scale = body.input("scale", {kHidden});
  const auto next = body.node("gru_step", {x, h, "w:w_ih", "w:w_hh"});
  return body.output("y", body.node("multiply", {next, scale})).output("h", next);
}

std::shared_ptr<const Program> scanner(bool ragged) {
  FunctionBuilder forward("forward");
  const auto xs = forward.input("xs", {"batch", "time", kIn});
  const auto h0 = forward.input("h0", {"batch", kHidden});
  json inputs = {xs, h0, "w:scale"};
  if (ragged) inputs.push_back(forward.input("lengths", {"batch"}, "int64"));
  const auto outputs = forward.nodes("scan", inputs, {{"xs", 1}, {"states", 1}, {"consts", 1}, {"ys", 1}}, 2, "loop",
                                     {{"function", "cell"}});
  forward.output("ys", outputs[0]).output("h", outputs[1]);
  return ProgramBuilder()
      .weight("w_ih", random_tensor({3 * kHidden, kIn}, 1))
      .weight("w_hh", random_tensor({3 * kHidden, kHidden}, 2))
      .weight("scale", random_tensor({kHidden}, 3))
      .function(cell())
      .function(forward)
      .build();
}

struct Unrolled {
  Tensor ys, h;
};

/// One row, step by step with the ops: xs [time, in], h0 [1, hidden]; ys [padded, hidden], zeros beyond time.
Unrolled unroll(const Tensor& xs, std::int64_t time, const Tensor& h0) {
  Tensor h = h0, ys = Tensor::zeros(DType::float32, {xs.size(0), kHidden});
  for (std::int64_t t = 0; t < time; ++t) {
    h = run_eager("gru_step", {xs.rows(t, 1), h, random_tensor({3 * kHidden, kIn}, 1),
                               random_tensor({3 * kHidden, kHidden}, 2)})[0];
    const Tensor y = run_eager("multiply", {h, random_tensor({kHidden}, 3)})[0];
    std::memcpy(ys.mutable_data<float>() + t * kHidden, y.data<float>(), kHidden * sizeof(float));
  }
  return {ys, h};
}

void check_scan(const RunResult& result, const Tensor& xs, const Tensor& h0, const std::vector<std::int64_t>& lengths) {
  const std::int64_t time = xs.size(1);
  for (std::int64_t row = 0; row < xs.size(0); ++row) {
    const Unrolled expected = unroll(xs.rows(row, 1).reshaped({time, kIn}), lengths[row], h0.rows(row, 1));
    CHECK(same_bits(result.outputs.at("ys").rows(row, 1).reshaped({time, kHidden}), expected.ys));
    CHECK(same_bits(result.outputs.at("h").rows(row, 1), expected.h));
  }
}

/// state -> state + step, where until reads a threshold: halted once the state's ReLU excess is not zero.
std::shared_ptr<const Program> counter(const json& max_steps, bool with_until, bool per_row) {
  const json dims = per_row ? json{"batch"} : json{"batch", "positions"};
  FunctionBuilder body("add_step", false);
  const auto x = body.input("x", {"batch", "positions"});
  const auto step = body.input("step", {"batch", "positions"});
  body.input("limit", dims);
  body.output("x", body.node("add", {x, step})).output("step", step);

  // The excess of x over the limit, in every position, or of the row's first position.
  FunctionBuilder until("is_done", false);
  const auto value = until.input("x", {"batch", "positions"});
  until.input("step", {"batch", "positions"});
  const auto limit = until.input("limit", dims);
  until.output("mask", until.node("relu", {until.node("add", {value, limit})}));

  FunctionBuilder forward("forward");
  const auto x0 = forward.input("x", {"batch", "positions"});
  const auto by = forward.input("step", {"batch", "positions"});
  const auto minus_limit = forward.input("limit", {"batch", "positions"});
  json extra = {{"function", "add_step"}};
  if (with_until) extra["until"] = "is_done";
  const auto outputs = forward.nodes("repeat", {x0, by, minus_limit},
                                     {{"states", 2}, {"consts", 1}, {"max_steps", max_steps}}, 3, "loop", extra);
  forward.output("x", outputs[0]).output("steps", outputs[2]);
  return ProgramBuilder().function(body).function(until).function(forward).build();
}

}  // namespace

TEST_CASE("scan is its body, step after step") {
  Session session(scanner(false));
  for (const std::int64_t batch : {1, 3, 0}) {
    for (const std::int64_t time : {4, 1, 0, 9}) {
      const Tensor xs = random_tensor({batch, time, kIn}, 7), h0 = random_tensor({batch, kHidden}, 8);
      check_scan(session.run("forward", {{"xs", xs}, {"h0", h0}}), xs, h0, std::vector<std::int64_t>(batch, time));
    }
  }
}

TEST_CASE("rows of a scan stop at their length") {
  Session session(scanner(true));
  const Tensor xs = random_tensor({4, 6, kIn}, 7), h0 = random_tensor({4, kHidden}, 8);
  for (const std::vector<std::int64_t>& lengths :
       std::vector<std::vector<std::int64_t>>{{6, 2, 0, 5}, {0, 0, 0, 0}, {1, 3, 3, 2}}) {
    const Tensor given = Tensor::from<std::int64_t>({4}, lengths);
    check_scan(session.run("forward", {{"xs", xs}, {"h0", h0}, {"lengths", given}}), xs, h0, lengths);
  }
  CHECK_THROWS_AS(session.run("forward", {{"xs", xs}, {"h0", h0}, {"lengths", integers({1, 2, 3, 7})}}), ValueError);
  CHECK_THROWS_AS(session.run("forward", {{"xs", xs}, {"h0", h0}, {"lengths", integers({1, 2, 3, -1})}}), ValueError);
}

TEST_CASE("a body may pass its states through in another order") {
  FunctionBuilder body("swap", false);
  const auto x = body.input("x", {"batch"});
  const auto a = body.input("a", {"batch"});
  const auto b = body.input("b", {"batch"});
  body.output("y", a).output("a", b).output("b", body.node("add", {a, x}));
  FunctionBuilder forward("forward");
  const auto xs = forward.input("xs", {"batch", "time"});
  const auto a0 = forward.input("a", {"batch"});
  const auto b0 = forward.input("b", {"batch"});
  const auto out = forward.nodes("scan", {xs, a0, b0, nullptr}, {{"xs", 1}, {"states", 2}, {"consts", 0}, {"ys", 1}}, 3,
                                 "loop", {{"function", "swap"}});
  forward.output("ys", out[0]).output("a", out[1]).output("b", out[2]);
  Session session(ProgramBuilder().function(body).function(forward).build());
  const RunResult result = session.run("forward", {{"xs", Tensor::from<float>({1, 3}, {10, 100, 1000})},
                                                   {"a", Tensor::from<float>({1}, {1})},
                                                   {"b", Tensor::from<float>({1}, {2})}});
  // (1, 2) -> (2, 11) -> (11, 102) -> (102, 1011)
  CHECK(same_bits(result.outputs.at("ys"), Tensor::from<float>({1, 3}, {1, 2, 11})));
  CHECK(result.outputs.at("a").values<float>()[0] == 102);
  CHECK(result.outputs.at("b").values<float>()[0] == 1011);
}

TEST_CASE("repeat runs a fixed number of steps") {
  const Tensor x = random_tensor({3, 2}, 1), step = random_tensor({3, 2}, 2), limit = random_tensor({3, 2}, 3);
  Tensor expected = x;
  for (int i = 0; i < 4; ++i) expected = run_eager("add", {expected, step})[0];
  Session session(counter(4, false, false));
  RunResult result = session.run("forward", {{"x", x}, {"step", step}, {"limit", limit}});
  CHECK(same_bits(result.outputs.at("x"), expected));
  CHECK(same_bits(result.outputs.at("steps"), integers({4, 4, 4})));
  // A size as the number of steps.
  result = Session(counter({{"dim", {"+", {"size", "%0", 1}, 2}}}, false, false))
               .run("forward", {{"x", x}, {"step", step}, {"limit", limit}});
  CHECK(same_bits(result.outputs.at("x"), expected));
  CHECK(same_bits(
      Session(counter(0, false, false)).run("forward", {{"x", x}, {"step", step}, {"limit", limit}}).outputs.at("x"),
      x));
  CHECK_THROWS_AS(Session(counter(-1, false, false)).run("forward", {{"x", x}, {"step", step}, {"limit", limit}}),
                  ValueError);
}

TEST_CASE("repeat halts every position on its own") {
  const Tensor x = Tensor::from<float>({3, 2}, {0, 0, 5, 1, 0, 9});
  const Tensor step = Tensor::from<float>({3, 2}, {1, 2, 1, 0.5, 0, 1});
  const Tensor limit = Tensor::from<float>({3, 2}, {-3, -3, -4, -2, -1, -10});
  // Stops when x exceeds 3, 3, 4, 2, 1, 10; position [1, 0] is beyond its limit from the start, [2, 0] never is.
  const Tensor expected = Tensor::from<float>({3, 2}, {4, 4, 5, 2.5, 0, 11});
  const Tensor expected_steps = Tensor::from<std::int64_t>({3, 2}, {4, 2, 0, 3, 20, 2});
  Session session(counter(20, true, false));
  const RunResult result = session.run("forward", {{"x", x}, {"step", step}, {"limit", limit}});
  CHECK(same_bits(result.outputs.at("x"), expected));
  CHECK(same_bits(result.outputs.at("steps"), expected_steps));
  for (std::int64_t row = 0; row < 3; ++row) {
    const RunResult alone =
        session.run("forward", {{"x", x.rows(row, 1)}, {"step", step.rows(row, 1)}, {"limit", limit.rows(row, 1)}});
    CHECK(same_bits(alone.outputs.at("x"), expected.rows(row, 1)));
    CHECK(same_bits(alone.outputs.at("steps"), expected_steps.rows(row, 1)));
  }
}

TEST_CASE("a halted position stays halted") {
  // The state goes 0, 1, 0, 1, ... and the mask is the state: the first 1 is kept though the body would leave it.
  FunctionBuilder body("flip", false);
  const auto a = body.input("a", {"batch"});
  const auto b = body.input("b", {"batch"});
  body.output("a", b).output("b", a);
  FunctionBuilder until("is_one", false);
  const auto mask = until.input("a", {"batch"});
  until.input("b", {"batch"});
  until.output("mask", mask);
  FunctionBuilder forward("forward");
  const auto a0 = forward.input("a", {"batch"});
  const auto b0 = forward.input("b", {"batch"});
  const auto out = forward.nodes("repeat", {a0, b0}, {{"states", 2}, {"consts", 0}, {"max_steps", 5}}, 3, "loop",
                                 {{"function", "flip"}, {"until", "is_one"}});
  forward.output("a", out[0]).output("b", out[1]).output("steps", out[2]);
  Session session(ProgramBuilder().function(body).function(until).function(forward).build());
  const RunResult result =
      session.run("forward", {{"a", Tensor::from<float>({3}, {0, 1, 0})}, {"b", Tensor::from<float>({3}, {1, 0, 0})}});
  CHECK(same_bits(result.outputs.at("a"), Tensor::from<float>({3}, {1, 1, 0})));
  CHECK(same_bits(result.outputs.at("b"), Tensor::from<float>({3}, {0, 0, 0})));
  CHECK(same_bits(result.outputs.at("steps"), integers({1, 0, 5})));
}

TEST_CASE("loops nest") {
  // inner: repeat x + x twice; outer: scan adds each x_t to the state after the inner loop.
  FunctionBuilder twice("double", false);
  const auto v = twice.input("v", {"batch"});
  twice.output("v", twice.node("add", {v, v}));
  FunctionBuilder body("body", false);
  const auto x = body.input("x", {"batch"});
  const auto s = body.input("s", {"batch"});
  const auto inner =
      body.nodes("repeat", {s}, {{"states", 1}, {"consts", 0}, {"max_steps", 2}}, 2, "inner", {{"function", "double"}});
  body.output("s", body.node("add", {inner[0], x}));
  FunctionBuilder forward("forward");
  const auto xs = forward.input("xs", {"batch", "time"});
  const auto s0 = forward.input("s", {"batch"});
  forward.output("s", forward.nodes("scan", {xs, s0}, {{"xs", 1}, {"states", 1}, {"consts", 0}, {"ys", 0}}, 1, "outer",
                                    {{"function", "body"}})[0]);
  Session session(ProgramBuilder().function(twice).function(body).function(forward).build());
  const RunResult result = session.run(
      "forward", {{"xs", Tensor::from<float>({2, 3}, {1, 2, 3, 0, 0, 1})}, {"s", Tensor::from<float>({2}, {1, 2})}});
  CHECK(same_bits(result.outputs.at("s"), Tensor::from<float>({2}, {64 + 16 + 8 + 3, 128 + 1})));
}

TEST_CASE("errors inside loops name the loop and what is wrong") {
  Session session(scanner(false));
  const Tensor xs = random_tensor({2, 3, kIn}, 1);
  FunctionBuilder body("grow", false);
  const auto x = body.input("x", {"batch", "n"});
  const auto s = body.input("s", {"batch", "m"});
  body.output("s", body.node("concat", {s, x}));
  FunctionBuilder forward("forward");
  const auto sequence = forward.input("xs", {"batch", "time", "n"});
  const auto state = forward.input("s", {"rows", "m"});
  forward.output("s", forward.nodes("scan", {sequence, state}, {{"xs", 1}, {"states", 1}, {"consts", 0}, {"ys", 0}}, 1,
                                    "loop", {{"function", "grow"}})[0]);
  Session growing(ProgramBuilder().function(body).function(forward).build());
  CHECK_THROWS_WITH_AS(growing.run("forward", {{"xs", xs}, {"s", random_tensor({2, 1}, 1)}}),
                       "loop: state 0 is float32 [2, 6] after a step, expected float32 [2, 1] as before it",
                       ShapeError);
  CHECK_THROWS_WITH_AS(growing.run("forward", {{"xs", xs}, {"s", random_tensor({3, 1}, 1)}}),
                       "loop: state 0 has shape [3, 1], expected [2, ...] (batch of the sequences)", ShapeError);
}

TEST_CASE("limits are looked at in every step of a loop") {
  const Tensor x = random_tensor({1, 1}, 1);
  const NamedTensors inputs = {{"x", x}, {"step", x}, {"limit", x}};
  Session session(counter(std::int64_t{1} << 60, false, false));
  RunOptions options;
  options.limits = RunLimits::within(std::chrono::milliseconds(20));
  CHECK_THROWS_AS(session.run("forward", inputs, nullptr, options), DeadlineError);
  CancelToken token;
  options.limits = {};
  options.limits.cancel = &token;
  int polls = 0;
  options.limits.poll = [&] {
    if (++polls == 1000) token.cancel();
  };
  CHECK_THROWS_AS(session.run("forward", inputs, nullptr, options), CancelledError);
}

TEST_CASE("nodes inside a loop cannot be captured") {
  FunctionBuilder body("attend", false);
  const auto x = body.input("x", {"batch", 4});
  const auto memory = body.input("memory", {"batch", "keys", 4});
  const auto query = body.node("gather_rows", {memory, "w:none"});
  body.output("y", body.nodes("attention", {query, memory, memory}, {{"num_heads", 1}}, 1, "attention")[0]);
  FunctionBuilder forward("forward");
  const auto xs = forward.input("xs", {"batch", "time", 4});
  const auto keys = forward.input("memory", {"batch", "keys", 4});
  forward.output("y", forward.nodes("scan", {xs, keys}, {{"xs", 1}, {"states", 0}, {"consts", 1}, {"ys", 1}}, 1, "loop",
                                    {{"function", "attend"}})[0]);
  Session session(ProgramBuilder().weight("none", integers({0})).function(body).function(forward).build());
  RunOptions options;
  options.capture = {"attention"};
  const NamedTensors inputs = {{"xs", random_tensor({1, 2, 4}, 1)}, {"memory", random_tensor({1, 2, 4}, 1)}};
  CHECK_NOTHROW(session.run("forward", inputs));
  CHECK_THROWS_WITH_AS(session.run("forward", inputs, nullptr, options),
                       "forward: capture of \"attention\": the node lies inside the body of a scan or repeat, where "
                       "nothing can be captured",
                       ValueError);
}
