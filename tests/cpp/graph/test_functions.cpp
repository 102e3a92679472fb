// Functions without state: results equal the ops run one by one, and arguments are checked.
#include <doctest/doctest.h>

#include <cstring>

#include "graph/program_impl.h"
#include "program_builder.h"

using namespace pyseq;
using namespace pyseq::testing;

namespace {

constexpr std::int64_t kIn = 12, kHidden = 40, kOut = 7;

ProgramBuilder mlp() {
  FunctionBuilder forward("forward");
  const auto x = forward.input("x", {"batch", kIn});
  const auto hidden = forward.node("linear", {x, "w:first.weight", "w:first.bias"}, {{"activation", "relu"}}, "first");
  const auto y = forward.node("linear", {hidden, "w:second.weight"}, json::object(), "second");
  const auto p = forward.node("softmax", {y});
  forward.output("y", y).output("p", p);
  return ProgramBuilder()
      .weight("first.weight", random_tensor({kHidden, kIn}, 1))
      .weight("first.bias", random_tensor({kHidden}, 2))
      .weight("second.weight", random_tensor({kOut, kHidden}, 3))
      .function(forward);
}

std::string message_of(const auto& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("a function gives what its ops give one by one, at every batch size") {
  Session session(mlp().build());
  for (const std::int64_t batch : {1, 5, 0, 33}) {
    const Tensor x = random_tensor({batch, kIn}, 10 + static_cast<unsigned>(batch));
    const Tensor hidden = run_eager("linear", {x, random_tensor({kHidden, kIn}, 1), random_tensor({kHidden}, 2)},
                                    {{"activation", std::string("relu")}})[0];
    const Tensor y = run_eager("linear", {hidden, random_tensor({kOut, kHidden}, 3)})[0];
    const RunResult result = session.run("forward", {{"x", x}});
    CHECK(result.outputs.size() == 2);
    CHECK(same_bits(result.outputs.at("y"), y));
    CHECK(same_bits(result.outputs.at("p"), run_eager("softmax", {y})[0]));
  }
}

TEST_CASE("a weight packed in the file is used in place and gives the same bits") {
  const Tensor weight = random_tensor({kHidden, kIn}, 1), x = random_tensor({3, kIn}, 2);
  FunctionBuilder forward("forward");
  forward.output("y", forward.node("linear", {forward.input("x", {"batch", kIn}), "w:weight"}));
  const auto packed = ProgramBuilder().packed_weight("weight", weight).function(forward).build();
  const Program::Impl& impl = packed->impl();
  CHECK(impl.compiled.functions[0].nodes[0].inputs[1].weight.raw() == impl.spec.weights[0].tensor.raw());
  CHECK(same_bits(Session(packed).run("forward", {{"x", x}}).outputs.at("y"), run_eager("linear", {x, weight})[0]));
  CHECK(packed->tensors()[0].panel_gates == 1);
  CHECK(same_bits(packed->tensor("weight"), weight));
}

TEST_CASE("an embedding and a linear layer share one packed weight; other readers get rows") {
  const Tensor weight = random_tensor({kOut, kIn}, 1);
  FunctionBuilder forward("forward");
  const auto ids = forward.input("ids", {"batch"}, "int64");
  const auto x = forward.node("embedding", {ids, "w:weight"});
  forward.output("logits", forward.node("linear", {x, "w:weight"}));
  forward.output("sum", forward.node("gather_rows", {"w:weight", ids}));
  for (const bool in_file : {false, true}) {
    ProgramBuilder builder;
    in_file ? builder.packed_weight("weight", weight) : builder.weight("weight", weight);
    const auto program = builder.function(forward).build();
    const auto& nodes = program->impl().compiled.functions[0].nodes;
    CHECK(nodes[0].inputs[1].weight.is_packed());
    CHECK(nodes[0].inputs[1].weight.raw() == nodes[1].inputs[1].weight.raw());
    CHECK_FALSE(nodes[2].inputs[0].weight.is_packed());
    const Tensor rows = run_eager("embedding", {integers({3, 0, 6}), weight})[0];
    const RunResult result = Session(program).run("forward", {{"ids", integers({3, 0, 6})}});
    CHECK(same_bits(result.outputs.at("logits"), run_eager("linear", {rows, weight})[0]));
    CHECK(same_bits(result.outputs.at("sum"), rows));
  }
}

TEST_CASE("functions of one program share a packed weight") {
  const Tensor weight = random_tensor({kOut, kIn}, 1);
  ProgramBuilder builder;
  builder.weight("weight", weight);
  for (const char* name : {"a", "b"}) {
    FunctionBuilder function(name);
    function.output("y", function.node("linear", {function.input("x", {"batch", kIn}), "w:weight"}));
    builder.function(function);
  }
  const auto program = builder.build();
  const auto& functions = program->impl().compiled.functions;
  CHECK(functions[0].nodes[0].inputs[1].weight.raw() == functions[1].nodes[0].inputs[1].weight.raw());
  const Tensor x = random_tensor({2, kIn}, 2);
  Session session(program);
  CHECK(same_bits(session.run("a", {{"x", x}}).outputs.at("y"), session.run("b", {{"x", x}}).outputs.at("y")));
}

TEST_CASE("attributes may be expressions over sizes") {
  FunctionBuilder forward("forward");
  const auto x = forward.input("x", {"batch", "time", 2});
  const json half = {{"dim", {"//", {"size", x, 1}, 2}}};
  const json end = {{"dim", {"-", {"+", {"size", x, 1}, {"*", 2, {"size", "w:pair", 0}}}, 5}}};
  forward.output("y", forward.node("slice", {x}, {{"axis", 1}, {"begin", half}, {"end", end}}));
  Session session(ProgramBuilder().weight("pair", random_tensor({2}, 1)).function(forward).build());
  for (const std::int64_t time : {3, 6, 9, 6}) {
    const Tensor values = random_tensor({2, time, 2}, static_cast<unsigned>(time));
    const Tensor expected =
        run_eager("slice", {values},
                  {{"axis", std::int64_t{1}}, {"begin", std::int64_t{time / 2}}, {"end", std::int64_t{time - 1}}})[0];
    CHECK(same_bits(session.run("forward", {{"x", values}}).outputs.at("y"), expected));
  }
}

TEST_CASE("a division of a size by zero is a ValueError") {
  FunctionBuilder forward("forward");
  const auto x = forward.input("x", {"batch", "time"});
  const json bad = {{"dim", {"//", 4, {"size", x, 1}}}};
  forward.output("y", forward.node("slice", {x}, {{"axis", 0}, {"begin", 0}, {"end", bad}}, "cut"));
  Session session(ProgramBuilder().function(forward).build());
  CHECK_THROWS_WITH_AS(session.run("forward", {{"x", Tensor::zeros(DType::float32, {2, 0})}}),
                       "cut: a size is divided by zero", ValueError);
  CHECK(session.run("forward", {{"x", random_tensor({2, 2}, 1)}}).outputs.at("y").shape() == Shape{2, 2});
}

TEST_CASE("outputs never share memory with inputs, weights or each other") {
  FunctionBuilder forward("forward");
  const auto x = forward.input("x", {"n"});
  const auto y = forward.node("relu", {x});
  forward.output("same", x).output("weight", "w:weight").output("y", y).output("again", y);
  const Tensor weight = random_tensor({4}, 1);
  const auto program = ProgramBuilder().weight("weight", weight).function(forward).build();
  Session session(program);
  Tensor input = random_tensor({3}, 2);
  const Tensor before = input.copy();
  RunResult result = session.run("forward", {{"x", input}});
  input.mutable_data<float>()[0] = 99;
  CHECK(same_bits(result.outputs.at("same"), before));
  result.outputs.at("weight").mutable_data<float>()[0] = 99;
  CHECK(same_bits(program->tensor("weight"), weight));
  const Tensor kept = result.outputs.at("again").copy();
  result.outputs.at("y").mutable_data<float>()[0] = 99;
  CHECK(same_bits(result.outputs.at("again"), kept));
  // A later run does not write into earlier results.
  session.run("forward", {{"x", random_tensor({3}, 3)}});
  CHECK(same_bits(result.outputs.at("again"), kept));
}

TEST_CASE("arguments are checked by name, type, rank and size") {
  FunctionBuilder forward("forward");
  const auto tokens = forward.input("tokens", {"batch", "time"}, "int64");
  forward.input("lengths", {"batch"}, "int64");
  const auto x = forward.input("x", {"batch", 4});
  forward.output("y", forward.node("relu", {x})).output("tokens", tokens);
  Session session(ProgramBuilder().function(forward).build());
  const NamedTensors good = {{"tokens", Tensor::zeros(DType::int64, {2, 3})},
                             {"lengths", Tensor::zeros(DType::int64, {2})},
                             {"x", Tensor::zeros(DType::float32, {2, 4})}};
  CHECK_NOTHROW(session.run("forward", good));
  const auto with = [&](const std::string& name, const Tensor& tensor) {
    NamedTensors inputs = good;
    inputs[name] = tensor;
    return message_of([&] { session.run("forward", inputs); });
  };
  CHECK(with("lengths", Tensor::zeros(DType::int64, {3})) ==
        "forward: lengths has shape [3], expected 2 on axis 0 (batch of tokens)");
  CHECK(with("x", Tensor::zeros(DType::float32, {2, 5})) ==
        "forward: x has shape [2, 5], expected 4 on axis 1 ([batch, 4])");
  CHECK(with("x", Tensor::zeros(DType::float32, {4})) == "forward: x has shape [4], expected [batch, 4]");
  CHECK(with("tokens", Tensor::zeros(DType::float32, {2, 3})) == "forward: tokens has dtype float32, expected int64");
  CHECK(with("x", Tensor::meta(DType::float32, {2, 4})) == "forward: input x has no data");
  CHECK(with("x", {}) == "forward: input x has no data");
  CHECK(message_of([&] { session.run("forward", {{"tokens", good.at("tokens")}, {"z", {}}, {"y", {}}}); }) ==
        "forward: missing input \"lengths\", \"x\", unexpected input \"y\", \"z\"; the function takes \"tokens\", "
        "\"lengths\", \"x\"");
  CHECK(message_of([&] { session.run("backward", good); }) ==
        "the program has no function \"backward\"; it has forward");
}

TEST_CASE("errors of ops carry the module path") {
  FunctionBuilder forward("forward");
  const auto ids = forward.input("ids", {"batch"}, "int64");
  forward.output("y", forward.node("embedding", {ids, "w:weight"}, json::object(), "encoder.embedding"));
  Session session(ProgramBuilder().weight("weight", random_tensor({3, 2}, 1)).function(forward).build());
  CHECK_THROWS_AS(session.run("forward", {{"ids", integers({3})}}), IndexError);
  CHECK(message_of([&] { session.run("forward", {{"ids", integers({3})}}); }).starts_with("encoder.embedding: "));
  CHECK_NOTHROW(session.run("forward", {{"ids", integers({2})}}));
}

TEST_CASE("a weight that an op cannot use is reported by the op") {
  FunctionBuilder forward("forward");
  forward.output("y", forward.node("linear", {forward.input("x", {"n", 3}), "w:weight"}, json::object(), "head"));
  Session session(ProgramBuilder().weight("weight", random_tensor({3}, 1)).function(forward).build());
  CHECK_THROWS_AS(session.run("forward", {{"x", random_tensor({2, 3}, 1)}}), ShapeError);
}

TEST_CASE("optional outputs are captured by module path") {
  FunctionBuilder forward("forward");
  const auto x = forward.input("x", {"batch", "time", 8});
  const auto y = forward.node("attention", {x, x, x}, {{"num_heads", 2}}, "layers.0.attention");
  forward.output("y", forward.node("add", {y, x}, json::object(), "layers.0"));
  const auto program = ProgramBuilder().function(forward).build();
  Session session(program);
  const Tensor values = random_tensor({2, 5, 8}, 1);
  RunOptions options;
  options.capture = {"layers.0.attention"};
  const OpDef& op = find_op("attention");
  const bool want[] = {true};
  const std::vector<Tensor> inputs{values, values, values};
  const auto expected =
      run_op(op, inputs, {},
             normalize_attrs(op, std::vector<std::pair<std::string, AttrValue>>{{"num_heads", std::int64_t{2}}}, "a"),
             want, {});
  const RunResult plain = session.run("forward", {{"x", values}});
  const RunResult result = session.run("forward", {{"x", values}}, nullptr, options);
  CHECK(plain.captures.empty());
  CHECK(result.captures.size() == 1);
  CHECK(same_bits(result.captures.at("layers.0.attention"), expected[1]));
  CHECK(same_bits(result.outputs.at("y"), plain.outputs.at("y")));
  const auto capture = [&](const char* path) {
    options.capture = {path};
    return message_of([&] { session.run("forward", {{"x", values}}, nullptr, options); });
  };
  CHECK(capture("layers.1") ==
        "forward: capture of \"layers.1\": no such node; the function can capture layers.0.attention");
  CHECK(capture("layers.0") ==
        "forward: capture of \"layers.0\": the node has no optional output; the function can capture "
        "layers.0.attention");
}

TEST_CASE("a program describes its functions") {
  FunctionBuilder forward("forward");
  const auto x = forward.input("x", {"batch", "time"});
  forward.output("y",
                 forward.node("slice", {x}, {{"axis", 1}, {"begin", 1}, {"end", {{"dim", {"size", x, 1}}}}}, "cut"));
  const auto program = ProgramBuilder().weight("w", random_tensor({2, 3}, 1)).function(forward).build();
  const FunctionInfo& info = program->function("forward");
  CHECK(info.inputs[0].dims == std::vector<std::string>{"batch", "time"});
  CHECK(info.nodes[0].op == "slice");
  CHECK(info.nodes[0].inputs == std::vector<std::string>{"%0"});
  CHECK(json::parse(info.nodes[0].attributes) ==
        json({{"axis", 1}, {"begin", 1}, {"end", {{"dim", {"size", "%0", 1}}}}}));
  CHECK(info.outputs[0].name == "y");
  CHECK(info.outputs[0].dtype == DType::float32);
  CHECK(info.outputs[0].dims == std::vector<std::string>{"batch", "?"});
  CHECK(program->function_names() == std::vector<std::string>{"forward"});
  CHECK(program->tensors()[0].shape == std::vector<std::int64_t>{2, 3});
  CHECK(program->producer() == "test");
  CHECK_THROWS_AS(program->tensor("nothing"), ValueError);
  CHECK_THROWS_AS(program->vocabulary("source"), ValueError);
}

TEST_CASE("outputs are described by the names of input sizes, through state and loops") {
  FunctionBuilder encode("encode");
  const auto ids = encode.input("ids", {"batch", "source"}, "int64");
  encode.output("ids", ids).update("memory", encode.node("embedding", {ids, "w:table"}));
  FunctionBuilder body("body", false);
  const auto x = body.input("x", {"batch", 4});
  body.output("y", body.node("linear", {x, "w:table"}));
  FunctionBuilder step("step");
  const auto query = step.input("query", {"batch", "time", 4});
  const auto read = step.nodes("attention", {query, "s:memory", "s:memory", nullptr, "rows"}, {{"num_heads", 2}}, 2);
  const auto loop = step.nodes("scan", {read[0]}, {{"xs", 1}, {"states", 0}, {"consts", 0}, {"ys", 1}}, 1, "loop",
                               {{"function", "body"}});
  step.output("logits", loop[0]).output("weights", read[1]);
  FunctionBuilder fixed("fixed");
  fixed.output("y", fixed.node("slice", {fixed.input("x", {"time"})}, {{"axis", 0}, {"begin", 0}, {"end", 1000}}));
  const auto program = ProgramBuilder()
                           .weight("table", random_tensor({9, 4}, 1))
                           .state("memory", "memory")
                           .function(encode)
                           .function(body)
                           .function(step)
                           .function(fixed)
                           .build();
  using Dims = std::vector<std::string>;
  CHECK(program->function("encode").outputs[0].dtype == DType::int64);
  CHECK(program->function("encode").outputs[0].dims == Dims{"batch", "source"});
  CHECK(program->function("step").outputs[0].dims == Dims{"batch", "time", "9"});
  CHECK(program->function("step").outputs[1].dims == Dims{"batch", "2", "time", "?"});
  CHECK(program->function("fixed").outputs[0].dims == Dims{"..."});
}
