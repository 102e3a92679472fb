// Compile passes: which nodes they leave, and that results keep their bits.
#include <doctest/doctest.h>

#include <algorithm>
#include <optional>

#include "program_builder.h"

using namespace pyseq;
using namespace pyseq::testing;

namespace {

constexpr std::int64_t kWidth = 6;

std::vector<std::string> ops_of(const Program& program, const std::string& name) {
  std::vector<std::string> ops;
  for (const FunctionInfo& function : program.functions()) {
    if (function.name != name) continue;
    for (const NodeInfo& node : function.nodes) ops.push_back(node.op);
  }
  return ops;
}

using Ops = std::vector<std::string>;

ProgramBuilder with_weights() {
  return ProgramBuilder()
      .weight("weight", random_tensor({kWidth, kWidth}, 1))
      .weight("bias", random_tensor({kWidth}, 2))
      .weight("scale", random_tensor({kWidth}, 3));
}

/// Runs a program with and without passes: the same bits in all outputs. Returns the ops of "forward" after the passes.
Ops check_same(const ProgramBuilder& builder, const NamedTensors& inputs, std::optional<DType> dtype = {}) {
  const auto optimized = builder.build({.dtype = dtype}), raw = builder.build({.dtype = dtype, .optimize = false});
  Session session(optimized), raw_session(raw);
  const RunResult actual = session.run("forward", inputs), expected = raw_session.run("forward", inputs);
  REQUIRE(actual.outputs.size() == expected.outputs.size());
  for (const auto& [name, tensor] : expected.outputs) CHECK(same_bits(actual.outputs.at(name), tensor));
  return ops_of(*optimized, "forward");
}

Ops check_same(const FunctionBuilder& forward) {
  return check_same(with_weights().function(forward), {{"x", random_tensor({2, 3, kWidth}, 9, 3.0f)}});
}

const json kTokens = {"batch", "time", kWidth};

}  // namespace

TEST_CASE("activations become part of the linear before them") {
  for (const auto& [op, attrs] : std::vector<std::pair<std::string, json>>{{"relu", json::object()},
                                                                           {"tanh", json::object()},
                                                                           {"sigmoid", json::object()},
                                                                           {"silu", json::object()},
                                                                           {"gelu", json::object()},
                                                                           {"gelu", {{"approximate", "tanh"}}}}) {
    CAPTURE(op);
    FunctionBuilder forward("forward");
    const auto x = forward.input("x", kTokens);
    forward.output("y", forward.node(op, {forward.node("linear", {x, "w:weight", "w:bias"})}, attrs));
    CHECK(check_same(forward) == Ops{"linear"});
  }
}

TEST_CASE("a linear keeps its own activation, and a value that something else reads") {
  FunctionBuilder twice("forward");
  auto x = twice.input("x", kTokens);
  twice.output("y", twice.node("relu", {twice.node("linear", {x, "w:weight"}, {{"activation", "tanh"}})}));
  CHECK(check_same(twice) == Ops{"linear", "relu"});

  FunctionBuilder shared("forward");
  x = shared.input("x", kTokens);
  const auto y = shared.node("linear", {x, "w:weight"});
  shared.output("y", shared.node("relu", {y})).output("before", y);
  CHECK(check_same(shared) == Ops{"linear", "relu"});
}

TEST_CASE("a residual of the same shape is added by the linear") {
  for (const bool linear_first : {true, false}) {
    FunctionBuilder forward("forward");
    const auto x = forward.input("x", kTokens);
    const auto y = forward.node("linear", {x, "w:weight", "w:bias"}, {{"activation", "relu"}});
    const auto sum = forward.node("add", linear_first ? json{y, x} : json{x, y});
    forward.output("y", forward.node("layer_norm", {sum, "w:scale"}));
    CHECK(check_same(forward) == Ops{"linear", "layer_norm"});
  }
}

TEST_CASE("two linears whose results are added: the later one takes the other's") {
  FunctionBuilder forward("forward");
  const auto x = forward.input("x", kTokens);
  const auto a = forward.node("linear", {x, "w:weight"});
  const auto b = forward.node("linear", {forward.node("tanh", {a}), "w:weight", "w:bias"});
  forward.output("y", forward.node("add", {forward.node("linear", {x, "w:weight", "w:bias"}), b}));
  CHECK(check_same(forward) == Ops{"linear", "linear", "linear"});
}

TEST_CASE("what may be repeated along the batch is no residual") {
  FunctionBuilder forward("forward");
  const auto x = forward.input("x", kTokens);
  const auto other = forward.input("other", {"rows", kWidth});
  forward.output("y", forward.node("add", {forward.node("linear", {x, "w:weight"}), other}));
  const NamedTensors inputs{{"x", random_tensor({2, 3, kWidth}, 9)}, {"other", random_tensor({3, kWidth}, 8)}};
  CHECK(check_same(with_weights().function(forward), inputs) == Ops{"linear", "add"});

  // Nor is one whose batch has another name, though its size may be the same.
  FunctionBuilder named("forward");
  const auto a = named.input("x", kTokens);
  const auto b = named.input("other", {"others", "time", kWidth});
  named.output("y", named.node("add", {named.node("linear", {a, "w:weight"}), b}));
  const NamedTensors same_size{{"x", random_tensor({2, 3, kWidth}, 9)}, {"other", random_tensor({2, 3, kWidth}, 8)}};
  CHECK(check_same(with_weights().function(named), same_size) == Ops{"linear", "add"});
}

TEST_CASE("a sum and the norm of it become one node, which gives the sum to others too") {
  for (const std::string norm : {"layer_norm", "rms_norm"}) {
    for (const bool read_again : {false, true}) {
      CAPTURE(norm);
      FunctionBuilder forward("forward");
      const auto x = forward.input("x", kTokens);
      const auto sum = forward.node("add", {forward.node("tanh", {x}), x});
      forward.output("y", forward.node(norm, {sum, "w:scale"}, {{"epsilon", 1e-3}}));
      if (read_again) forward.output("sum", sum);
      CHECK(check_same(forward) == Ops{"tanh", "add_" + norm});
    }
  }
}

TEST_CASE("a second norm of a sum stays, and a norm of a sum that repeats along the batch") {
  FunctionBuilder twice("forward");
  const auto x = twice.input("x", kTokens);
  const auto sum = twice.node("add", {twice.node("tanh", {x}), x});
  twice.output("first", twice.node("layer_norm", {sum, "w:scale"}));
  twice.output("second", twice.node("layer_norm", {sum, "w:bias"}));
  CHECK(check_same(twice) == Ops{"tanh", "add_layer_norm", "layer_norm"});

  FunctionBuilder repeated("forward");
  const auto a = repeated.input("x", kTokens);
  repeated.output("y", repeated.node("layer_norm", {repeated.node("add", {a, "w:bias"}), "w:scale"}));
  CHECK(check_same(repeated) == Ops{"add", "layer_norm"});
}

TEST_CASE("the result of grouped heads is as wide as the queries, not as the values") {
  FunctionBuilder forward("forward");
  const auto x = forward.input("x", kTokens);
  const auto narrow = forward.input("narrow", {"batch", "time", kWidth / 2});
  const auto attended = forward.node("attention", {x, narrow, narrow}, {{"num_heads", 2}, {"num_kv_heads", 1}});
  forward.output("y", forward.node("layer_norm", {forward.node("add", {attended, x})}));
  const NamedTensors inputs{{"x", random_tensor({2, 3, kWidth}, 9)}, {"narrow", random_tensor({2, 3, kWidth / 2}, 8)}};
  CHECK(check_same(with_weights().function(forward), inputs) == Ops{"attention", "add", "layer_norm"});
}

TEST_CASE("projections of one value are computed together, in any storage type") {
  FunctionBuilder forward("forward");
  // A memory that is no value of these: its own pair, of different widths.
  const auto x = forward.input("x", kTokens), memory = forward.input("memory", {"batch", "source", 40});
  const auto query = forward.node("linear", {x, "w:query", "w:bias"}, json::object(), "attention.query");
  const auto key = forward.node("linear", {x, "w:key"}, json::object(), "attention.key");
  const auto value = forward.node("linear", {x, "w:query"}, json::object(), "attention.value");
  const auto attended = forward.node("attention", {query, key, value}, {{"num_heads", 2}});
  forward.output("wide", forward.node("linear", {memory, "w:wide"})).output("y", attended);
  forward.output("wider", forward.node("linear", {memory, "w:wider", "w:wider_bias"}));
  ProgramBuilder builder = with_weights();
  builder.weight("query", random_tensor({kWidth, kWidth}, 4)).weight("key", random_tensor({kWidth, kWidth}, 5));
  builder.weight("wide", random_tensor({33, 40}, 6)).weight("wider", random_tensor({70, 40}, 7));
  builder.weight("wider_bias", random_tensor({70}, 8)).function(forward);
  const NamedTensors inputs{{"x", random_tensor({2, 3, kWidth}, 9)}, {"memory", random_tensor({2, 5, 40}, 10)}};
  for (const std::optional<DType> dtype : {std::optional<DType>(), std::optional(DType::float32),
                                           std::optional(DType::bfloat16), std::optional(DType::int8)}) {
    // The query's weight is shared with the values: those two nodes have different biases.
    CHECK(check_same(builder, inputs, dtype) == Ops{"linear_triple", "attention", "linear_pair"});
  }
  CHECK(builder.build()->function("forward").nodes[0].name == "attention.query, attention.key, attention.value");
}

TEST_CASE("linears with something fused into them, of weights that are computed, or far apart stay alone") {
  FunctionBuilder forward("forward");
  const auto x = forward.input("x", kTokens), weight = forward.input("other", {kWidth, kWidth});
  const auto first = forward.node("linear", {x, "w:weight", "w:bias"});
  const auto activated = forward.node("relu", {forward.node("linear", {x, "w:weight"})});
  auto y = forward.node("add", {activated, forward.node("linear", {x, weight})});
  for (int i = 0; i < 8; ++i) y = forward.node("tanh", {y});
  forward.output("first", first).output("y", y).output("last", forward.node("linear", {x, "w:weight", "w:scale"}));
  const NamedTensors inputs{{"x", random_tensor({2, 3, kWidth}, 9)}, {"other", random_tensor({kWidth, kWidth}, 8)}};
  const Ops ops = check_same(with_weights().function(forward), inputs);
  CHECK(std::count(ops.begin(), ops.end(), "linear") == 4);
}

TEST_CASE("nodes that nobody reads go, chains of them too") {
  FunctionBuilder forward("forward");
  const auto x = forward.input("x", kTokens);
  forward.node("relu", {forward.node("tanh", {x})});
  forward.output("y", forward.node("sigmoid", {x}));
  CHECK(check_same(forward) == Ops{"sigmoid"});
}

TEST_CASE("a value whose size is read is needed") {
  FunctionBuilder forward("forward");
  const auto x = forward.input("x", kTokens);
  const auto linear = forward.node("linear", {x, "w:weight"});
  const auto activated = forward.node("relu", {linear});
  const json end = {{"dim", {"size", linear, 1}}};
  forward.output("y", forward.node("slice",
                                   {
                                       activated,
                                   },
                                   {{"axis", 1}, {"begin", 0}, {"end", end}}));
  CHECK(check_same(forward) == Ops{"linear", "relu", "slice"});
}

TEST_CASE("equal nodes are computed once") {
  FunctionBuilder forward("forward");
  const auto x = forward.input("x", kTokens);
  const auto a = forward.node("relu", {forward.node("tanh", {x})}),
             b = forward.node("relu", {forward.node("tanh", {x})});
  const auto other = forward.node("layer_norm", {x}, {{"epsilon", 0.5}});
  forward.output("y", forward.node("add", {a, b})).output("z", forward.node("layer_norm", {x}, {{"epsilon", 0.25}}));
  forward.output("other", other).output("b", b);
  CHECK(check_same(forward) == Ops{"tanh", "relu", "layer_norm", "add", "layer_norm"});
}

TEST_CASE("constants are computed when the program is loaded") {
  FunctionBuilder forward("forward");
  const auto x = forward.input("x", kTokens);
  const auto scaled = forward.node("multiply", {"w:weight", "w:scale"});
  const auto weight = forward.node("add", {scaled, "w:bias"});
  forward.output("y", forward.node("linear", {x, weight})).output("weight", weight);
  const auto builder = with_weights().function(forward);
  CHECK(check_same(builder, {{"x", random_tensor({2, 3, kWidth}, 9)}}) == Ops{"linear"});
  CHECK(builder.build()->tensors().size() == 3);  // those of the file
  CHECK_THROWS_AS(builder.build()->tensor("folded.3"), ValueError);
}

TEST_CASE("constants that grow beyond the file, or that are wrong, are left for the run") {
  FunctionBuilder forward("forward");
  const auto x = forward.input("x", kTokens);
  std::string table = "w:weight";
  const std::vector<std::int64_t> ids(20000, 1);
  table = forward.node("gather_rows", {table, "w:ids"});
  forward.output("y", forward.node("relu", {x})).output("table", table);
  auto builder = with_weights();
  builder.weight("ids", Tensor::from<std::int64_t>({20000}, ids)).function(forward);
  CHECK(check_same(builder, {{"x", random_tensor({2, 3, kWidth}, 9)}}) == Ops{"relu"});
  // 480 kB fit beside the file's weights, twice as much does not.
  FunctionBuilder wide("forward");
  const auto y = wide.input("x", kTokens);
  std::string wider = wide.node("gather_rows", {"w:weight", "w:ids"});
  for (int i = 0; i < 4; ++i) wider = wide.node("concat", {wider, wider});
  wide.output("y", wide.node("relu", {y})).output("table", wider);
  auto wide_builder = with_weights();
  wide_builder.weight("ids", Tensor::from<std::int64_t>({20000}, ids)).function(wide);
  CHECK(check_same(wide_builder, {{"x", random_tensor({2, 3, kWidth}, 9)}}) ==
        Ops{"concat", "concat", "concat", "concat", "relu"});

  FunctionBuilder broken("forward");
  const auto z = broken.input("x", kTokens);
  broken.output("y", broken.node("relu", {z})).output("bad", broken.node("add", {"w:bias", "w:weight"}));
  Session session(with_weights().function(broken).build());
  CHECK_THROWS_AS(session.run("forward", {{"x", random_tensor({1, 1, kWidth}, 1)}}), ShapeError);
}

namespace {

/// A scan whose body multiplies with a const, `weight`, one level deeper when nested.
ProgramBuilder scan_with_const(bool nested, bool other_user) {
  FunctionBuilder step("step", false);
  const auto x = step.input("x", {"batch", kWidth});
  const auto h = step.input("h", {"batch", kWidth});
  const auto weight = step.input("weight", {"out", "in"});
  const auto next = step.node("tanh", {step.node("add", {step.node("linear", {h, weight}), x})});
  step.output("y", next).output("h", next);
  ProgramBuilder program = with_weights();
  program.function(step);
  const json counts = {{"xs", 1}, {"states", 1}, {"consts", 1}, {"ys", 1}};
  std::string body = "step";
  FunctionBuilder forward("forward");
  const auto xs = forward.input("xs", {"batch", "time", kWidth});
  const auto h0 = forward.input("h0", {"batch", kWidth});
  if (nested) {
    FunctionBuilder twice("twice", false);
    const auto state = twice.input("h", {"batch", kWidth});
    const auto sequence = twice.input("xs", {"batch", "time", kWidth});
    const auto passed = twice.input("weight", {"out", "in"});
    const auto inner =
        twice.nodes("scan", {sequence, state, passed, nullptr}, counts, 2, "inner", {{"function", "step"}});
    program.function(twice.output("h", inner[1]));
    const auto outputs = forward.nodes("repeat", {h0, xs, "w:weight"}, {{"states", 1}, {"consts", 2}, {"max_steps", 2}},
                                       2, "outer", {{"function", "twice"}});
    forward.output("h", outputs[0]);
  } else {
    const auto outputs =
        forward.nodes("scan", {xs, h0, "w:weight", nullptr}, counts, 2, "loop", {{"function", "step"}});
    forward.output("ys", outputs[0]).output("h", outputs[1]);
  }
  if (other_user) {
    const auto outputs =
        forward.nodes("scan", {xs, h0, "w:other", nullptr}, counts, 2, "second", {{"function", "step"}});
    forward.output("other", outputs[0]);
    program.weight("other", random_tensor({kWidth, kWidth}, 5));
  }
  return program.function(forward);
}

std::string weight_read_by_step(const Program& program) {
  for (const FunctionInfo& function : program.functions()) {
    if (function.name == "step") return function.nodes[0].inputs[1];
  }
  return {};
}

}  // namespace

TEST_CASE("bodies of loops read weights themselves, so that they are packed once") {
  const NamedTensors inputs{{"xs", random_tensor({2, 4, kWidth}, 9)}, {"h0", random_tensor({2, kWidth}, 8)}};
  for (const bool nested : {false, true}) {
    const ProgramBuilder builder = scan_with_const(nested, false);
    check_same(builder, inputs);
    CHECK(weight_read_by_step(*builder.build()) == "w:weight");
  }
  const ProgramBuilder shared = scan_with_const(false, true);
  check_same(shared, inputs);
  CHECK(weight_read_by_step(*shared.build()) == "%2");
}
