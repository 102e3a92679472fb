// ProgramSpec -> CompiledProgram: ops looked up, weights packed, attributes complete, uses of state known. Everything
// that does not depend on the sizes of a run.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/program_spec.h"

namespace pyseq {

/// What a node, an output or an update reads.
struct Operand {
  ValueRef ref;
  Tensor weight;  // the constant itself when `ref` is a weight
};

/// How a scan or repeat splits its inputs and outputs (docs/architecture.md).
struct LoopDef {
  enum class Kind { scan, repeat };
  Kind kind = Kind::scan;
  int body = -1;
  int until = -1;  // repeat only
  int xs = 0, states = 0, consts = 0, ys = 0;
  DimExpr max_steps;  // repeat only
};

struct CompiledNode {
  const OpDef* op = nullptr;        // null for a loop
  std::optional<LoopDef> loop;      // scan, repeat
  std::string label;                // module path, or the op's name: starts every error message
  std::vector<Operand> inputs;      // ops: as OpDef::inputs without the caches; scan: lengths last, perhaps absent
  std::vector<int> caches;          // states, in the order of the op's cache inputs
  std::uint32_t packed_inputs = 0;  // with row_lengths: as in NodeSpec, by position in `inputs`
  std::optional<Operand> row_lengths;
  std::vector<int> outputs;    // value numbers; -1: an optional output that the program does not use
  std::optional<Attrs> attrs;  // complete; none when some depend on sizes, and for loops
  std::vector<std::pair<std::string, AttrValue>> constant_attrs;
  std::vector<std::pair<std::string, DimExpr>> sized_attrs;  // evaluated for every plan
  int capturable = -1;                                       // the optional output that RunOptions::capture returns
};

/// An entry of an argument's dims: a number, or the index of a name.
struct CompiledDim {
  std::int64_t size = -1;  // negative: named
  int name = -1;           // into CompiledFunction::dim_names
};

struct CompiledFunction {
  std::string name;
  bool is_public = true;
  std::vector<ArgumentInfo> inputs;            // values 0 .. inputs.size() - 1
  std::vector<std::vector<CompiledDim>> dims;  // of the inputs
  std::vector<std::string> dim_names;
  std::vector<CompiledNode> nodes;
  std::vector<std::pair<std::string, Operand>> outputs;
  std::vector<std::pair<int, Operand>> updates;  // state index -> its new value
  int num_values = 0;

  std::vector<int> reads;   // carries and memories, ascending
  std::vector<int> caches;  // caches, ascending
  bool reads_rows = false;  // the row -> source map
  bool writes_memory = false;

  bool uses_state() const { return !reads.empty() || !caches.empty() || reads_rows || !updates.empty(); }
  /// Reads something that has one row per sequence of the state.
  bool reads_rows_of_state = false;
};

struct CompiledProgram {
  std::vector<CompiledFunction> functions;  // as ProgramSpec::functions
  std::vector<StateInfo> states;
  std::map<std::string, int, std::less<>> function_index;
  std::vector<int> replaced_weights;  // those that are read in another layout only, or not at all
};

/// `storage`: of weights that ops read packed; absent: as the file has them. ValueError: a weight that it cannot hold.
/// FormatError: what a function does to state has no meaning (two nodes use one cache, or a function appends to a cache
/// and writes memory, which empties the caches).
CompiledProgram compile_program(const ProgramSpec& spec, std::optional<DType> storage = std::nullopt);

}  // namespace pyseq
