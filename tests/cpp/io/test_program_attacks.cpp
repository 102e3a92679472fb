// Hostile program files: the valid sample with one thing changed. Each gives FormatError with a telling message.
#include <algorithm>
#include <string>
#include <vector>

#include "expect_format_error.h"
#include "io/json_reader.h"
#include "io/program_file.h"
#include "sample_program.h"

using namespace pyseq;
using namespace pyseq::testing;

namespace {

void read(const Json& program) {
  read_program(program_file(program.dump()), nullptr);
}

/// One place of the sample replaced (nullptr: removed; a place that ends in "-" is appended to).
struct Attack {
  const char* place;
  const char* value;
  const char* telling;
};

Json attacked(const Attack& attack) {
  Json program = Json::parse(kSampleProgram);
  const Json::json_pointer place(attack.place);
  if (attack.value != nullptr) {
    program[place] = Json::parse(attack.value);
  } else if (program[place.parent_pointer()].is_array()) {
    program[place.parent_pointer()].erase(static_cast<std::size_t>(std::stoul(place.back())));
  } else {
    program[place.parent_pointer()].erase(place.back());
  }
  return program;
}

void expect_refused(std::initializer_list<Attack> attacks) {
  for (const Attack& attack : attacks) {
    const std::string change = std::string(attack.place) + " = " + (attack.value ? attack.value : "(removed)");
    CAPTURE(change);
    expect_format_error(attack.telling, [&] { read(attacked(attack)); });
  }
}

/// A chain of private functions f0 -> f1 -> ... that each repeat the next, under a public function.
Json chain(int bodies, const std::string& last_calls = {}) {
  Json program = {{"format", 1}, {"functions", Json::array()}};
  const auto function = [](const std::string& name, bool is_public, const std::string& callee) {
    Json nodes = Json::array();
    if (!callee.empty()) {
      nodes.push_back({{"op", "repeat"},
                       {"name", "loop"},
                       {"function", callee},
                       {"inputs", {"%0"}},
                       {"attrs", {{"states", 1}, {"consts", 0}, {"max_steps", 2}}},
                       {"outputs", {"%1", "%2"}}});
    }
    return Json{{"name", name},
                {"public", is_public},
                {"inputs", {{{"name", "x"}, {"dtype", "float32"}, {"dims", {"batch"}}}}},
                {"nodes", nodes},
                {"outputs", {{{"name", "x"}, {"value", callee.empty() ? "%0" : "%1"}}}}};
  };
  program["functions"].push_back(function("main", true, "f0"));
  for (int i = 0; i < bodies; ++i) {
    const std::string callee = i + 1 < bodies ? "f" + std::to_string(i + 1) : last_calls;
    program["functions"].push_back(function("f" + std::to_string(i), false, callee));
  }
  return program;
}

Json nested_sum(int depth) {
  Json expression = 1;
  for (int i = 0; i < depth; ++i) expression = Json::array({"+", expression, 1});
  return expression;
}

}  // namespace

TEST_CASE("the sample itself is valid") {
  CHECK_NOTHROW(read(Json::parse(kSampleProgram)));
}

TEST_CASE("containers without a program") {
  const auto read_metadata = [](const std::map<std::string, std::string>& metadata) {
    read_program(write_safetensors(metadata, {}), nullptr);
  };
  expect_format_error("not a pyseq program", [&] { read_metadata({}); });
  expect_format_error("not a pyseq program", [&] { read_metadata({{"format", "pyseq"}}); });
  expect_format_error("not a pyseq program", [&] { read_metadata({{"format", "pt"}, {"pyseq.program", "{}"}}); });
  expect_format_error("not UTF-8", [] {
    std::vector<std::byte> file = program_file(R"({"producer": "XX"})");
    for (std::byte& byte : file) byte = byte == std::byte{'X'} ? std::byte{0xFF} : byte;
    read_program(file, nullptr);
  });
  expect_format_error("cut short", [] { read_program({}, nullptr); });
}

TEST_CASE("JSON that is no program") {
  const auto read_text = [](const std::string& text) { read_program(program_file(text), nullptr); };
  const std::string whole = Json::parse(kSampleProgram).dump();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    expect_format_error("malformed JSON", [&] { read_text(whole.substr(0, size)); });
  }
  expect_format_error("expected an object", [&] { read_text("[]"); });
  expect_format_error("'format' is missing", [&] { read_text("{}"); });
  expect_format_error("NUL", [&] { read_text(std::string("{}\0", 3)); });
  for (const std::size_t depth : {100u, 100'000u}) {
    const std::string open(depth, '['), close(depth, ']');
    expect_format_error("nested deeper", [&] { read_text(open + close); });
    expect_format_error("nested deeper", [&] { read_text(R"({"format": 1, "task": {"x": )" + open + close + "}}"); });
  }
}

TEST_CASE("head and tables") {
  expect_refused({
      {"/format", "2", "format version 2, newer than 1"},
      {"/format", "0", "'format' is 0"},
      {"/format", "\"1\"", "'format' is of type string"},
      {"/format", nullptr, "'format' is missing"},
      {"/extra", "1", "unknown key 'extra'"},
      {"/producer", "1", "'producer' is of type number"},
      {"/task", "[]", "'task' is of type list"},
      {"/functions", nullptr, "'functions' is missing"},
      {"/functions", "{}", "'functions' is of type object"},
      {"/vocabularies", "[]", "'vocabularies' is of type list"},
      {"/vocabularies/source", "[]", "vocabulary 'source'"},
      {"/vocabularies/source/unit", "\"byte\"", "unit is 'byte'"},
      {"/vocabularies/source/tokens", nullptr, "'tokens' is missing"},
      {"/vocabularies/source/tokens/1", "\"<unk>\"", "tokens 0 and 1 are both '<unk>'"},
      {"/vocabularies/source/tokens/1", "7", "a token is of type number"},
      {"/vocabularies/source/unknown", "2", "unknown is 2"},
      {"/vocabularies/source/unknown", "-1", "unknown is -1"},
      {"/vocabularies/source/more", "1", "unknown key 'more'"},
      {"/state/0/name", "\"memory\"", "two states are named 'memory'"},
      {"/state/0/name", "\"\"", "'name' is empty"},
      {"/state/0/kind", "\"stack\"", "kind is 'stack'"},
      {"/state/0/dtype", "\"float64\"", "unsupported dtype 'float64'"},
      {"/state/0/shape", "[-1]", "shape has a size that is -1"},
      {"/state/0/shape", "[1,1,1,1,1,1,1,1]", "no room for the batch"},
      {"/state/0/shape", "[4294967296,4294967296]", "overflows"},
      {"/state/0/shape", "[1000000,1000000]", "overflows"},
      {"/state/1/shape", "[2,2]", "expected positive [heads, head_dim, value_dim]"},
      {"/state/1/shape", "[2,0,2]", "expected positive"},
      {"/state/1/shape", "[65536,65536,2]", "overflows"},
      {"/state/1/dtype", "\"int64\"", "a cache holds float32, bfloat16 or int8, not int64"},
      {"/state/2/shape", "[1]", "shape is not empty"},
      {"/packed/absent", R"({"gates": 1, "shape": [1, 1]})", "'absent', which is missing"},
      {"/packed/projection.weight/gates", "0", "'gates' is 0"},
      {"/packed/projection.weight/gates", "256", "'gates' is 256"},
      {"/packed/projection.weight/gates", "3", "[4, 4] is not [gates * units, in]"},
      {"/packed/projection.weight/shape", "[4]", "[4] is not [gates * units, in]"},
      {"/packed/projection.weight/shape", "[4, 8]", "needs 128 float32 values, got [64]"},
      {"/packed/projection.weight/shape", "[36, 4]", "needs"},
      {"/packed/projection.weight/shape", "[4611686018427387904, 1]", "63 bits"},
      {"/packed/projection.weight/shape", "[4294967296, 4294967295]", "2^63"},
      {"/packed/projection.weight/shape", "[4294967296, 4294967296]", "overflows"},
      {"/packed/projection.weight/shape", "[9223372036854775807, 1]", "63 bits"},
  });
}

TEST_CASE("functions") {
  expect_refused({
      {"/functions/1/name", "\"encode\"", "two functions are named 'encode'"},
      {"/functions/1/name", "\"\"", "'name' is empty"},
      {"/functions/1/name", nullptr, "'name' is missing"},
      {"/functions/1", "7", "expected an object"},
      {"/functions/1/public", "1", "function 'step': 'public' is of type number"},
      {"/functions/1/inputs", nullptr, "function 'step': 'inputs' is missing"},
      {"/functions/1/nodes", nullptr, "'nodes' is missing"},
      {"/functions/1/outputs", nullptr, "'outputs' is missing"},
      {"/functions/1/more", "1", "unknown key 'more'"},
      {"/functions/0/inputs/1/name", "\"tokens\"", "two inputs 'tokens'"},
      {"/functions/0/inputs/1/dtype", "\"string\"", "unsupported dtype 'string'"},
      {"/functions/0/inputs/1/dims", "[\"\"]", "dims has an entry ''"},
      {"/functions/0/inputs/1/dims", "[\"4x\"]", "dims has an entry '4x'"},
      {"/functions/0/inputs/1/dims", "[-1]", "an entry of dims is -1"},
      {"/functions/0/inputs/1/dims", "[null]", "an entry of dims is of type null"},
      {"/functions/0/inputs/1/dims", "[1,1,1,1,1,1,1,1,1]", "rank 9"},
      {"/functions/0/inputs/1/dims", "[18446744073709551615]", "expected an integer"},
      {"/functions/1/outputs/1/name", "\"y\"", "two outputs 'y'"},
      {"/functions/1/outputs/0/value", "\"%7\"", "refers to '%7', which is not defined"},
      {"/functions/1/outputs/0/value", "null", "value is missing"},
      {"/functions/1/outputs/0/value", "\"s:attention\"", "value is a cache"},
      {"/functions/1/outputs/0/value", nullptr, "'value' is missing"},
      {"/functions/0/updates/0/state", "\"none\"", "unknown state 'none'"},
      {"/functions/0/updates/0/state", "\"hidden\"", "two updates of state 'hidden'"},
      {"/functions/0/updates/0/state", "\"attention\"", "'attention' is a cache"},
      {"/functions/0/updates/0/value", "null", "value is missing"},
      {"/functions/2/updates", R"([{"state": "hidden", "value": "%0"}])", "in a function that is not public"},
  });
}

TEST_CASE("nodes") {
  expect_refused({
      {"/functions/0/nodes/0", "[]", "function 'encode', a node"},
      {"/functions/0/nodes/0/op", "\"frobnicate\"", "function 'encode', node 'embedding': unknown op 'frobnicate'"},
      {"/functions/0/nodes/0/op", nullptr, "'op' is missing"},
      {"/functions/0/nodes/0/name", nullptr, "'name' is missing"},
      {"/functions/0/nodes/0/function", "\"cell\"", "unknown key 'function'"},
      {"/functions/0/nodes/0/inputs", "[\"%0\"]", "input 'weight' is missing"},
      {"/functions/0/nodes/0/inputs", "[null, \"w:embedding.weight\"]", "input 'ids' is missing"},
      {"/functions/0/nodes/0/inputs", "[\"%0\", \"w:bias\", null]", "has 3 inputs, expected at most 2"},
      {"/functions/0/nodes/0/inputs/0", "\"%2\"", "refers to '%2', which is not defined"},
      {"/functions/0/nodes/0/inputs/0", "\"%5\"", "refers to '%5', which is not defined"},
      {"/functions/0/nodes/0/inputs/0", "\"%-1\"", "'%-1', which is not defined"},
      {"/functions/0/nodes/0/inputs/0", "\"%99999999999\"", "which is not defined"},
      {"/functions/0/nodes/0/inputs/0", "\"%\"", "which is not defined"},
      {"/functions/0/nodes/0/inputs/0", "\"%0x\"", "which is not defined"},
      {"/functions/0/nodes/0/inputs/0", "\"0\"", "expected %n, w:name, s:name, rows or null"},
      {"/functions/0/nodes/0/inputs/0", "0", "input 'ids' is of type number"},
      {"/functions/0/nodes/0/inputs/1", "\"w:none\"", "tensor 'none', which is missing"},
      {"/functions/0/nodes/0/inputs/1", "\"s:none\"", "unknown state 'none'"},
      {"/functions/0/nodes/0/inputs/1", "\"s:attention\"", "is a cache, expected a tensor"},
      {"/functions/1/nodes/1/inputs/4", "\"s:hidden\"", "input 'cache' is not a cache"},
      {"/functions/1/nodes/1/inputs/4", "\"%0\"", "input 'cache' is not a cache"},
      {"/functions/1/nodes/1/inputs/4", "null", "input 'cache' is missing"},
      {"/functions/1/nodes/1/inputs/4", nullptr, "input 'cache' is missing"},
      {"/functions/0/nodes/0/outputs", "[]", "output 'y' is missing"},
      {"/functions/0/nodes/0/outputs", "[null]", "output 'y' is missing"},
      {"/functions/0/nodes/0/outputs", "[\"%2\", \"%3\"]", "has 2 outputs, expected at most 1"},
      {"/functions/0/nodes/0/outputs", "[\"%0\"]", "output is '%0', expected '%2'"},
      {"/functions/0/nodes/0/outputs", "[\"%3\"]", "output is '%3', expected '%2'"},
      {"/functions/0/nodes/0/outputs", "[2]", "an output is of type number"},
      {"/functions/2/nodes/0/inputs/0", "\"s:hidden\"", "in a function that is not public"},
      {"/functions/2/nodes/0/inputs/0", "\"rows\"", "not public"},
  });
}

TEST_CASE("attributes") {
  expect_refused({
      {"/functions/0/nodes/0/attrs", "[]", "'attrs' is of type list"},
      {"/functions/0/nodes/0/attrs/none", "1", "none"},
      {"/functions/0/nodes/0/attrs/scale", "\"big\"", "scale"},
      {"/functions/0/nodes/0/attrs/scale", "null", "attribute 'scale' is of type null"},
      {"/functions/0/nodes/0/attrs/scale", "[1.5]", "attribute 'scale' has an entry"},
      {"/functions/0/nodes/0/attrs/scale", R"({"dim": 1})", "only an integer attribute may be"},
      {"/functions/1/nodes/0/attrs/activation", R"({"dim": 1})", "activation"},
      {"/functions/1/nodes/1/attrs/num_heads", nullptr, "num_heads"},
      {"/functions/1/nodes/1/attrs/num_heads", "2.0", "num_heads"},
      {"/functions/1/nodes/1/attrs/num_heads", "true", "num_heads"},
      {"/functions/1/nodes/1/attrs/num_heads", "9223372036854775808", "attribute 'num_heads'"},
      {"/functions/0/nodes/2/attrs/end", R"({"size": 1})", "unknown key 'size'"},
      {"/functions/0/nodes/2/attrs/end", R"({})", "'dim' is missing"},
      {"/functions/0/nodes/2/attrs/end/dim", "\"x\"", "neither an integer nor a list"},
      {"/functions/0/nodes/2/attrs/end/dim", "1.5", "a dimension expression is of type number"},
      {"/functions/0/nodes/2/attrs/end/dim", "[\"+\", 1]", "neither an integer nor a list of three"},
      {"/functions/0/nodes/2/attrs/end/dim", "[\"%\", 1, 1]", "unknown operator '%'"},
      {"/functions/0/nodes/2/attrs/end/dim", "[1, 1, 1]", "first entry is of type number"},
      {"/functions/0/nodes/2/attrs/end/dim", "[\"size\", \"%5\", 0]", "'%5', which is not defined"},
      {"/functions/0/nodes/2/attrs/end/dim", "[\"size\", null, 0]", "is missing"},
      {"/functions/0/nodes/2/attrs/end/dim", "[\"size\", \"s:attention\", 0]", "is a cache"},
      {"/functions/0/nodes/2/attrs/end/dim", "[\"size\", \"%0\", 8]", "axis of a size is 8"},
      {"/functions/0/nodes/2/attrs/end/dim", "[\"size\", \"%0\", -9]", "axis of a size is -9"},
      {"/functions/0/nodes/2/attrs/end/dim", "[\"+\", 18446744073709551615, 1]", "expected an integer"},
  });
}

TEST_CASE("dimension expressions are bounded in depth") {
  Json program = Json::parse(kSampleProgram);
  Json& end = program["/functions/0/nodes/2/attrs/end/dim"_json_pointer];
  end = nested_sum(kMaxDimDepth);
  CHECK_NOTHROW(read(program));
  end = nested_sum(kMaxDimDepth + 1);
  expect_format_error("nested deeper than 32", [&] { read(program); });
  end = nested_sum(100);
  expect_format_error("nested deeper than 64", [&] { read(program); });
}

TEST_CASE("scan") {
  expect_refused({
      {"/functions/0/nodes/1/function", "\"none\"", "unknown function 'none'"},
      {"/functions/0/nodes/1/function", "null", "'function' is of type null"},
      {"/functions/0/nodes/1/function", nullptr, "'function' is missing"},
      {"/functions/0/nodes/1/function", "\"step\"", "'step', which is public"},
      {"/functions/0/nodes/1/function", "\"twice\"", "function 'twice' has 1 inputs, expected 3"},
      {"/functions/0/nodes/1/until", "\"halted\"", "unknown key 'until'"},
      {"/functions/0/nodes/1/inputs", "[\"%2\", \"s:hidden\"]", "has 2 inputs, expected 3 and lengths or null"},
      {"/functions/0/nodes/1/inputs", "[\"%2\", \"%2\", \"%2\", \"%1\", null]", "has 5 inputs"},
      {"/functions/0/nodes/1/inputs/0", "null", "input 0 is missing"},
      {"/functions/0/nodes/1/inputs/1", "\"s:attention\"", "input 1 is a cache"},
      {"/functions/0/nodes/1/inputs/3", "\"s:attention\"", "lengths is a cache"},
      {"/functions/0/nodes/1/attrs", nullptr, "xs"},
      {"/functions/0/nodes/1/attrs/xs", nullptr, "xs"},
      {"/functions/0/nodes/1/attrs/xs", "0", "attribute 'xs' is 0"},
      {"/functions/0/nodes/1/attrs/xs", "9223372036854775807", "attribute 'xs' is 9223372036854775807"},
      {"/functions/0/nodes/1/attrs/xs", R"({"dim": 1})", "attribute 'xs' must be a number"},
      {"/functions/0/nodes/1/attrs/states", "-1", "attribute 'states' is -1"},
      {"/functions/0/nodes/1/attrs/ys", "2", "has 2 outputs, expected 3"},
      {"/functions/0/nodes/1/attrs/ys", "3", "attribute 'ys' is 3"},
      {"/functions/0/nodes/1/attrs/more", "1", "more"},
      {"/functions/0/nodes/1/outputs", "[\"%3\"]", "has 1 output, expected 2"},
      {"/functions/0/nodes/1/outputs/0", "null", "an output is of type null"},
      {"/functions/2/outputs/1", nullptr, "function 'cell' has 1 outputs, expected 2"},
  });
}

TEST_CASE("repeat") {
  expect_refused({
      {"/functions/1/nodes/3/function", "\"cell\"", "function 'cell' has 3 inputs, expected 1"},
      {"/functions/1/nodes/3/until", "\"none\"", "unknown function 'none'"},
      {"/functions/1/nodes/3/until", "\"encode\"", "'encode', which is public"},
      {"/functions/1/nodes/3/until", "\"cell\"", "function 'cell' has 3 inputs, expected 1"},
      {"/functions/1/nodes/3/until", "1", "'until' is of type number"},
      {"/functions/1/nodes/3/inputs", "[]", "attribute 'states' is 1"},
      {"/functions/1/nodes/3/inputs", "[\"%3\", \"%3\"]", "has 2 inputs, expected 1"},
      {"/functions/1/nodes/3/attrs/states", "0", "attribute 'states' is 0"},
      {"/functions/1/nodes/3/attrs/max_steps", nullptr, "max_steps"},
      {"/functions/1/nodes/3/attrs/max_steps", "\"8\"", "max_steps"},
      {"/functions/1/nodes/3/outputs", "[\"%5\"]", "has 1 output, expected 2"},
      {"/functions/4/outputs", "[]", "function 'halted' has 0 outputs, expected 1"},
  });
}

TEST_CASE("bodies nest eight deep, and never in a circle") {
  CHECK_NOTHROW(read(chain(kMaxFunctionNesting)));
  expect_format_error("nest deeper than 8", [] { read(chain(kMaxFunctionNesting + 1)); });
  expect_format_error("nest deeper than 8", [] { read(chain(10'000)); });
  expect_format_error("form a cycle", [] { read(chain(1, "f0")); });
  expect_format_error("form a cycle", [] { read(chain(3, "f1")); });
  expect_format_error("nest deeper than 8", [] { read(chain(100, "f0")); });

  // Functions may stand in any order: the innermost first is measured no less deep.
  Json reversed = chain(kMaxFunctionNesting + 1);
  std::reverse(reversed["functions"].begin(), reversed["functions"].end());
  expect_format_error("nest deeper than 8", [&] { read(reversed); });
}

TEST_CASE("max_steps may depend on sizes, a missing lengths is absent") {
  Json program = Json::parse(kSampleProgram);
  program["/functions/1/nodes/3/attrs/max_steps"_json_pointer] = Json::parse(R"({"dim": ["size", "%0", 1]})");
  program["/functions/0/nodes/1/inputs"_json_pointer].erase(3);
  const ProgramSpec spec = read_program(program_file(program.dump()), nullptr);
  CHECK(spec.functions[0].nodes[1].inputs.at(3).kind == ValueRef::Kind::absent);
}
