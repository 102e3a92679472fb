// The removal of padding: which nodes compute packed steps, and that nothing that can be seen changes.
#include <doctest/doctest.h>

#include "program_builder.h"

using namespace pyseq;
using namespace pyseq::testing;

namespace {

constexpr std::int64_t kWidth = 6;
const json kSteps = {"batch", "time", kWidth};
const json kHeads = {{"num_heads", 2}};

ProgramBuilder with_weights() {
  return ProgramBuilder()
      .weight("weight", random_tensor({kWidth, kWidth}, 1))
      .weight("bias", random_tensor({kWidth}, 2));
}

/// Nodes of a function that compute packed steps, by name; pack_rows and unpack_rows by their op.
std::vector<std::string> packed_nodes(const Program& program, const std::string& function) {
  std::vector<std::string> names;
  for (const NodeInfo& node : program.function(function).nodes) {
    const bool moves = node.op == "pack_rows" || node.op == "unpack_rows";
    const bool is_packed = json::parse(node.attributes).contains("row_lengths");
    if (moves || is_packed) names.push_back(moves ? node.op : node.name);
  }
  return names;
}

using Names = std::vector<std::string>;

/// The program with and without removal: the same bits. Returns the nodes of "forward" that compute packed steps.
Names check_same(const FunctionBuilder& forward) {
  const auto program = with_weights().function(forward).build();
  const auto padded = with_weights().function(forward).build({.remove_padding = false});
  const NamedTensors inputs{{"x", random_tensor({4, 5, kWidth}, 9)}, {"lengths", integers({5, 0, 3, 1})}};
  const RunResult actual = Session(program).run("forward", inputs), expected = Session(padded).run("forward", inputs);
  for (const auto& [name, tensor] : expected.outputs) CHECK(same_bits(actual.outputs.at(name), tensor));
  CHECK(packed_nodes(*padded, "forward").empty());
  return packed_nodes(*program, "forward");
}

}  // namespace

TEST_CASE("products around an attention that masks its keys are packed, up to what is masked in the end") {
  FunctionBuilder forward("forward");
  const auto x = forward.input("x", kSteps), lengths = forward.input("lengths", {"batch"}, "int64");
  const auto hidden = forward.node("linear", {x, "w:weight", "w:bias"}, json::object(), "first");
  const auto y = forward.node("attention", {hidden, hidden, hidden, lengths}, kHeads, "attention");
  const auto z = forward.node("linear", {y, "w:weight"}, json::object(), "second");
  forward.output("y", forward.node("mask_rows", {z, lengths}));
  CHECK(check_same(forward) == Names{"pack_rows", "first", "second", "unpack_rows"});
}

TEST_CASE("an output is looked at whole, and so is what a mask of other lengths reads") {
  for (const bool is_output : {true, false}) {
    FunctionBuilder forward("forward");
    const auto x = forward.input("x", kSteps), lengths = forward.input("lengths", {"batch"}, "int64");
    const auto hidden = forward.node("linear", {x, "w:weight"}, json::object(), "first");
    const auto y = forward.node("attention", {hidden, hidden, hidden, lengths}, kHeads, "attention");
    const auto others = forward.node("add_integer", {lengths}, {{"amount", 0}});
    forward.output("y", is_output ? y : forward.node("mask_rows", {y, others}));
    CHECK(check_same(forward).empty());
  }
}

TEST_CASE("what differs from step to step keeps its places") {
  FunctionBuilder forward("forward");
  const auto x = forward.input("x", kSteps), lengths = forward.input("lengths", {"batch"}, "int64");
  const auto table = forward.input("table", {"time", kWidth});
  const auto sum = forward.node("add", {x, table});
  const auto hidden = forward.node("linear", {sum, "w:weight"}, json::object(), "first");
  const auto y = forward.node("attention", {hidden, hidden, hidden, lengths}, kHeads, "attention");
  forward.output("y", forward.node("mean", {y, lengths}, {{"axis", 1}}));
  const auto program = with_weights().function(forward).build();
  const auto padded = with_weights().function(forward).build({.remove_padding = false});
  CHECK(packed_nodes(*program, "forward") == Names{"pack_rows", "first", "unpack_rows"});
  const NamedTensors inputs{{"x", random_tensor({3, 5, kWidth}, 9)},
                            {"lengths", integers({5, 0, 3})},
                            {"table", random_tensor({5, kWidth}, 8)}};
  CHECK(same_bits(Session(program).run("forward", inputs).outputs.at("y"),
                  Session(padded).run("forward", inputs).outputs.at("y")));
}

TEST_CASE("groups without a product are left alone") {
  FunctionBuilder forward("forward");
  const auto x = forward.input("x", kSteps), lengths = forward.input("lengths", {"batch"}, "int64");
  const auto y =
      forward.nodes("rnn", {x, "w:weight", "w:weight", nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, lengths},
                    json::object(), 2)[0];
  const auto z = forward.node("tanh", {y});
  forward.output("y", forward.node("mask_rows", {z, lengths}));
  CHECK(check_same(forward).empty());
}

namespace {

/// encode writes a memory and its lengths; step attends to it. `change` may add to either.
template <typename Change>
ProgramBuilder with_memory(Change change) {
  FunctionBuilder encode("encode"), step("step");
  const auto x = encode.input("x", kSteps), lengths = encode.input("lengths", {"batch"}, "int64");
  encode.update("source", encode.node("linear", {x, "w:weight"}, json::object(), "project"));
  encode.update("lengths", lengths);
  // Names the batch: a reader with lengths of its own.
  encode.nodes("rnn", {x, "w:weight", "w:weight", nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, lengths},
               json::object(), 2);
  const auto query = step.input("query", {"rows", 1, kWidth});
  const json inputs = {query, "s:source", "s:source", "s:lengths", "rows"};
  step.output("y", step.node("attention", inputs, kHeads));
  change(encode, step, lengths);
  return with_weights()
      .state("source", "memory")
      .state("lengths", "memory", json::array(), "int64")
      .function(encode)
      .function(step);
}

}  // namespace

TEST_CASE("a memory that every reader masks by its lengths holds valid steps") {
  const auto builder = with_memory([](auto&, auto&, auto&) {});
  Tensor results[2];
  for (const bool removed : {false, true}) {
    const auto program = builder.build({.remove_padding = removed});
    CHECK(packed_nodes(*program, "encode") == (removed ? Names{"pack_rows", "project", "unpack_rows"} : Names{}));
    Session session(program);
    State state = session.new_state(3);
    session.run("encode", {{"x", random_tensor({3, 5, kWidth}, 9)}, {"lengths", integers({5, 0, 3})}}, &state);
    results[removed ? 1 : 0] =
        session.run("step", {{"query", random_tensor({3, 1, kWidth}, 4)}}, &state).outputs.at("y");
  }
  CHECK(same_bits(results[0], results[1]));
}

TEST_CASE("a memory that something reads whole, or whose lengths may change, keeps its padding") {
  const auto read_whole = with_memory([](auto&, auto& step, auto&) { step.output("all", "s:source"); }).build();
  CHECK(packed_nodes(*read_whole, "encode").empty());
  const auto read_by_op = with_memory([](auto&, auto& step, auto&) {
                            step.output("all", step.node("mean", {"s:source"}, {{"axis", 1}}));
                          }).build();
  CHECK(packed_nodes(*read_by_op, "encode").empty());
  const auto changed = with_memory([](auto&, auto& step, auto&) {
                         step.update("lengths", step.node("add_integer", {"s:lengths"}, {{"amount", 1}}));
                       }).build();
  CHECK(packed_nodes(*changed, "encode").empty());
}
