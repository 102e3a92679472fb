// The contents of a program file after parsing and validation, before compilation: plain data. Whoever holds a
// ProgramSpec may rely on it: references are in range and in order, ops exist, arity and attribute types are right,
// bodies of scan and repeat nest without cycles.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "ops/registry.h"
#include "pyseq/program.h"

namespace pyseq {

inline constexpr int kProgramFormat = 1;
inline constexpr int kMaxFunctionNesting = 8;
inline constexpr int kMaxDimDepth = 32;

/// What a node reads: "%n", "w:name", "s:name", "rows" or null in the file.
struct ValueRef {
  enum class Kind { absent, value, weight, state, rows };
  Kind kind = Kind::absent;
  int index = -1;  // into the function's values, ProgramSpec::weights or ProgramSpec::states
};

/// A size known when a function runs: a constant, a size of a value, or arithmetic on those.
struct DimExpr {
  enum class Kind { constant, size, add, subtract, multiply, floor_divide };
  Kind kind = Kind::constant;
  std::int64_t constant = 0;
  ValueRef of;  // size: axis `axis` of this value
  int axis = 0;
  std::vector<DimExpr> operands;  // two for arithmetic
};

using SpecAttr = std::variant<AttrValue, DimExpr>;

struct NodeSpec {
  std::string op;                // a registered op, "scan" or "repeat"
  std::string name;              // module path
  std::vector<ValueRef> inputs;  // as OpDef::inputs, caches included; absent optional inputs are Kind::absent
  std::vector<std::pair<std::string, SpecAttr>> attrs;
  std::vector<int> outputs;  // value numbers; -1 for an optional output that is not there
  int body = -1;             // scan, repeat: index of the function that runs each step
  int until = -1;            // repeat: index of the halting function, or -1
  /// Not in files: the node computes packed steps (pack_rows) of the lengths `row_lengths`. All its outputs hold those,
  /// and the inputs that packed_inputs has a bit for.
  ValueRef row_lengths;
  std::uint32_t packed_inputs = 0;
};

struct FunctionSpec {
  std::string name;
  bool is_public = true;
  std::vector<ArgumentInfo> inputs;  // values 0 .. inputs.size() - 1
  std::vector<NodeSpec> nodes;
  std::vector<std::pair<std::string, ValueRef>> outputs;
  std::vector<std::pair<int, ValueRef>> updates;  // state index -> its new value
  int num_values = 0;
};

struct WeightSpec {
  TensorInfo info;
  Tensor tensor;  // a view into the file, packed when info.panel_gates > 0
};

struct ProgramSpec {
  int format = kProgramFormat;
  std::string producer;
  std::string task;  // JSON object
  std::map<std::string, std::shared_ptr<const Vocabulary>, std::less<>> vocabularies;
  std::vector<StateInfo> states;
  std::vector<WeightSpec> weights;
  std::vector<FunctionSpec> functions;
};

}  // namespace pyseq
