#include <doctest/doctest.h>

#include <cstring>
#include <variant>

#include "io/program_file.h"
#include "sample_program.h"

using namespace pyseq;
using namespace pyseq::testing;

namespace {

using Kind = ValueRef::Kind;

bool is(const ValueRef& reference, Kind kind, int index = -1) {
  return reference.kind == kind && reference.index == index;
}

ProgramSpec read_sample() {
  return read_program(program_file(kSampleProgram), nullptr);
}

template <typename T>
T attribute(const NodeSpec& node, const std::string& name) {
  for (const auto& [key, value] : node.attrs) {
    if (key == name) return std::get<T>(std::get<AttrValue>(value));
  }
  throw ValueError("no attribute " + name);
}

}  // namespace

TEST_CASE("head, task and vocabularies") {
  const ProgramSpec program = read_sample();
  CHECK(program.format == 1);
  CHECK(program.producer == "pyseq test");
  CHECK(program.task == R"({"kind":"sample","list":[1,2]})");
  REQUIRE(program.vocabularies.size() == 2);
  const Vocabulary& source = *program.vocabularies.at("source");
  CHECK(source.unit() == TextUnit::character);
  CHECK(source.token(1) == "a");
  CHECK(source.unknown() == 0);
  CHECK(program.vocabularies.at("target")->unit() == TextUnit::word);
  CHECK(program.vocabularies.at("target")->unknown() == std::nullopt);
}

TEST_CASE("a minimal program") {
  const ProgramSpec program = read_program(program_file(R"({"format": 1, "functions": []})"), nullptr);
  CHECK(program.functions.empty());
  CHECK(program.task == "{}");
  CHECK(program.producer == "");
  CHECK(program.weights.size() == 3);
}

TEST_CASE("states") {
  const std::vector<StateInfo> states = read_sample().states;
  REQUIRE(states.size() == 3);
  CHECK(states[0].name == "hidden");
  CHECK(states[0].kind == StateKind::carry);
  CHECK(states[0].shape == std::vector<std::int64_t>{4});
  CHECK(states[1].kind == StateKind::cache);
  CHECK(states[1].shape == std::vector<std::int64_t>{2, 2, 2});
  CHECK(states[2].kind == StateKind::memory);
  CHECK(states[2].dtype == DType::float32);
}

TEST_CASE("weights are views into the file; packed ones have their logical shape") {
  const std::vector<std::byte> bytes = program_file(kSampleProgram);
  const ProgramSpec program = read_program(bytes, nullptr);
  REQUIRE(program.weights.size() == 3);
  const WeightSpec& packed = program.weights[1];
  CHECK(packed.info.name == "projection.weight");
  CHECK(packed.info.panel_gates == 1);
  CHECK(packed.info.shape == std::vector<std::int64_t>{4, 4});
  CHECK(packed.info.bytes == packed_size(4, 1, 4) * sizeof(float));
  CHECK(packed.tensor.is_packed());
  CHECK(reinterpret_cast<std::uintptr_t>(packed.tensor.raw()) % 64 == 0);
  const Tensor plain = unpack_weight(packed.tensor);
  CHECK(std::memcmp(plain.raw(), sample_tensor({4, 4}).raw(), plain.num_bytes()) == 0);

  const Tensor& embedding = program.weights[0].tensor;
  const auto* raw = static_cast<const std::byte*>(embedding.raw());
  CHECK(embedding.shape() == Shape{2, 4});
  CHECK((raw > bytes.data() && raw < bytes.data() + bytes.size()));
}

TEST_CASE("packed weights are aligned wherever the file lies in memory") {
  const std::vector<std::byte> bytes = program_file(kSampleProgram);
  std::vector<std::byte> memory(bytes.size() + 64);
  for (const std::size_t shift : {0, 1, 4, 32}) {
    std::memcpy(memory.data() + shift, bytes.data(), bytes.size());
    const ProgramSpec program = read_program(std::span(memory).subspan(shift, bytes.size()), nullptr);
    const Tensor& packed = program.weights[1].tensor;
    CHECK(reinterpret_cast<std::uintptr_t>(packed.raw()) % 64 == 0);
    CHECK(unpack_weight(packed).values<float>()[5] == 5.0f);
  }
}

TEST_CASE("functions: inputs, outputs, updates") {
  const ProgramSpec program = read_sample();
  REQUIRE(program.functions.size() == 5);
  const FunctionSpec& encode = program.functions[0];
  CHECK(encode.name == "encode");
  CHECK(encode.is_public);
  CHECK(encode.num_values == 6);
  REQUIRE(encode.inputs.size() == 2);
  CHECK(encode.inputs[0].dtype == DType::int64);
  CHECK(encode.inputs[0].dims == std::vector<std::string>{"batch", "time"});
  CHECK(encode.outputs[0].first == "y");
  CHECK(is(encode.outputs[0].second, Kind::value, 5));
  REQUIRE(encode.updates.size() == 2);
  CHECK(encode.updates[0].first == 2);
  CHECK(is(encode.updates[0].second, Kind::value, 3));

  CHECK(program.functions[1].is_public);  // the default
  CHECK(program.functions[1].inputs[0].dims == std::vector<std::string>{"batch", "time", "4"});
  CHECK_FALSE(program.functions[2].is_public);
}

TEST_CASE("nodes: inputs and outputs are completed, references resolved") {
  const ProgramSpec program = read_sample();
  const std::vector<NodeSpec>& step = program.functions[1].nodes;
  REQUIRE(step[0].inputs.size() == 4);
  CHECK(is(step[0].inputs[1], Kind::weight, 1));
  CHECK(is(step[0].inputs[2], Kind::absent));
  CHECK(is(step[0].inputs[3], Kind::absent));
  CHECK(attribute<std::string>(step[0], "activation") == "relu");

  CHECK(step[1].op == "cached_attention");
  CHECK(step[1].name == "attention");
  CHECK(is(step[1].inputs[4], Kind::state, 1));
  CHECK(step[1].outputs == std::vector<int>{2, -1});

  CHECK(is(step[2].inputs[1], Kind::state, 2));
  CHECK(is(step[2].inputs[4], Kind::rows));
  CHECK(step[2].outputs == std::vector<int>{3, 4, -1});  // what only a tape asks for is absent

  const NodeSpec& embedding = program.functions[0].nodes[0];
  CHECK(attribute<std::int64_t>(embedding, "scale") == 2);
}

TEST_CASE("loops: bodies, counts, absent lengths") {
  const ProgramSpec program = read_sample();
  const NodeSpec& scan = program.functions[0].nodes[1];
  CHECK(scan.body == 2);
  CHECK(scan.until == -1);
  REQUIRE(scan.inputs.size() == 4);
  CHECK(is(scan.inputs[3], Kind::value, 1));
  CHECK(attribute<std::int64_t>(scan, "ys") == 1);
  CHECK(scan.outputs == std::vector<int>{3, 4});

  const NodeSpec& repeat = program.functions[1].nodes[3];
  CHECK(repeat.body == 3);
  CHECK(repeat.until == 4);
  CHECK(attribute<std::int64_t>(repeat, "max_steps") == 8);
}

TEST_CASE("dimension expressions") {
  const ProgramSpec program = read_sample();
  const NodeSpec& slice = program.functions[0].nodes[2];
  const DimExpr* end = nullptr;
  for (const auto& [name, value] : slice.attrs) {
    if (name == "end") end = &std::get<DimExpr>(value);
  }
  REQUIRE(end != nullptr);
  CHECK(end->kind == DimExpr::Kind::subtract);
  REQUIRE(end->operands.size() == 2);
  CHECK(end->operands[0].kind == DimExpr::Kind::size);
  CHECK(is(end->operands[0].of, Kind::value, 3));
  CHECK(end->operands[0].axis == 1);
  CHECK(end->operands[1].kind == DimExpr::Kind::multiply);
  CHECK(end->operands[1].operands[0].constant == 1);
  CHECK(end->operands[1].operands[1].kind == DimExpr::Kind::floor_divide);
}
