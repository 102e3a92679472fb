// The op registry. An op is coarse (a whole LSTM layer, a whole attention) and registered once: name, inputs,
// attributes, shape rule, forward, cost, vjp. Programs, eager Python calls, tests, benchmarks and the documentation all
// read the same entry.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/arena.h"
#include "ops/kv_cache.h"
#include "pyseq/runtime.h"
#include "pyseq/tensor.h"

namespace pyseq {

using AttrValue = std::variant<std::int64_t, double, bool, std::string, std::vector<std::int64_t>>;

struct AttrDef {
  std::string_view name;
  AttrValue default_value;  // its alternative fixes the attribute's type
  bool required = false;    // then default_value only gives the type
};

/// Attribute values in the order of OpDef::attrs, complete and of the right types (see normalize_attrs).
class Attrs {
 public:
  Attrs() = default;
  explicit Attrs(std::vector<AttrValue> values) : values_(std::move(values)) {}
  std::int64_t integer(int index) const { return std::get<std::int64_t>(values_[index]); }
  double real(int index) const { return std::get<double>(values_[index]); }
  bool flag(int index) const { return std::get<bool>(values_[index]); }
  const std::string& text(int index) const { return std::get<std::string>(values_[index]); }
  const std::vector<std::int64_t>& integers(int index) const {
    return std::get<std::vector<std::int64_t>>(values_[index]);
  }
  std::span<const AttrValue> values() const { return values_; }

 private:
  std::vector<AttrValue> values_;
};

enum class InputKind { tensor, optional, cache };

struct InputDef {
  std::string_view name;
  InputKind kind = InputKind::tensor;
  /// Gates of a weight that the op reads packed (base/packing.h); 0 for everything else. A row-major tensor is accepted
  /// too and packed for the moment of the call.
  int pack_gates = 0;
  /// Reads packed and row-major alike (embedding gathers rows out of panels, so that tied weights are stored once).
  bool accepts_packed = false;
};

struct OutputDef {
  std::string_view name;
  bool optional = false;       // computed only when asked for (attention weights)
  bool differentiable = true;  // whether the vjp takes a gradient of it
  bool for_vjp = false;        // nobody else reads it: never captured from a run
};

struct TensorType {
  DType dtype = DType::float32;
  Shape shape;
};

/// What a shape rule and a forward see. Inputs follow OpDef::inputs without the caches; caches follow in their order.
struct OpArgs {
  std::string_view label;          // module path or op name: starts every error message
  std::span<const Tensor> inputs;  // an absent optional input is undefined
  std::span<KvCache* const> caches;
  const Attrs& attrs;

  bool has(int input) const { return inputs[input].defined(); }
};

struct OpCall : OpArgs {
  std::span<Tensor> outputs;  // allocated; an optional output that nobody asked for is undefined
  Arena& scratch;             // reset by the caller afterwards
  const RunLimits& limits;
};

/// What a vjp (vector-Jacobian product) sees: the forward call, the gradients of its outputs, and where those of its
/// inputs go. Operands that OpDef::vjp_reads leaves out have a shape but no data.
struct VjpCall : OpArgs {
  std::span<const Tensor> outputs;       // of the forward call; an optional one that was not computed is undefined
  std::span<const Tensor> grad_outputs;  // like outputs; undefined: zero. At least one is defined
  std::span<Tensor> grad_inputs;         // like inputs; undefined: not wanted. Each is written whole, or replaced
  Arena& scratch;
  const RunLimits& limits;

  bool wants(int input) const { return grad_inputs[input].defined(); }
};

/// Operands that a vjp reads, a bit for each by its position; a tape keeps no others. An optional output that is read
/// is computed whenever a tape records.
struct VjpReads {
  std::uint32_t inputs = 0;
  std::uint32_t outputs = 0;

  static constexpr std::uint32_t bits(std::initializer_list<int> positions) {
    std::uint32_t set = 0;
    for (const int position : positions) set |= std::uint32_t{1} << position;
    return set;
  }
};

struct OpCost {
  double flops = 0;  // multiply and add count as two
  double bytes = 0;  // read and written once
};

struct OpDef {
  std::string_view name;
  std::vector<InputDef> inputs;
  std::vector<AttrDef> attrs;
  std::vector<OutputDef> outputs;
  /// Checks every input and fills the types of all outputs (optional ones too). Never reads data: inputs may be meta.
  void (*infer)(const OpArgs& args, std::span<TensorType> outputs) = nullptr;
  /// Computes. infer has passed. Values that index (tokens, positions, lengths) are checked here.
  void (*forward)(OpCall& call) = nullptr;
  OpCost (*cost)(const OpArgs& args, std::span<const TensorType> outputs) = nullptr;
  /// Gradients of the inputs from those of the outputs; null: the op has none. Only differentiable outputs have some.
  void (*vjp)(VjpCall& call) = nullptr;
  VjpReads vjp_reads = {};
  /// Inputs with a gradient, a bit for each by its position.
  std::uint32_t differentiable = 0;
};

/// All ops, by name in alphabetical order.
std::span<const OpDef> all_ops();
/// UnsupportedError: no such op (names the nearest ones).
const OpDef& find_op(std::string_view name);

/// Named attributes -> Attrs: defaults filled in, an integer accepted for a real. ValueError: unknown, missing, wrong
/// type.
Attrs normalize_attrs(const OpDef& op, std::span<const std::pair<std::string, AttrValue>> named,
                      std::string_view label);

/// What run_op consists of, for callers that keep inputs and outputs in memory of their own.
///
/// ValueError: not the op's number of caches, or one of `inputs` (as many as the op has, absent ones undefined) is
/// missing.
void check_operands(const OpDef& op, std::span<const Tensor> inputs, std::span<KvCache* const> caches,
                    std::string_view label);
/// Inputs of an op, caches left out.
std::size_t count_inputs(const OpDef& op);
/// ValueError: more than the op has.
void check_input_count(const OpDef& op, std::size_t count, std::string_view label);
/// Whether output `index` is computed when `want_optional` (see run_op) asks for optional outputs.
bool is_wanted(const OpDef& op, std::size_t index, std::span<const bool> want_optional);
/// Computes into outputs that are there, with this thread's scratch memory. infer has passed.
void forward_op(const OpDef& op, const OpArgs& args, std::span<Tensor> outputs, const RunLimits& limits);

/// Runs one op eagerly: checks, allocates outputs, computes. Trailing absent inputs may be left out. `want_optional`
/// has one flag per optional output, in their order (empty: none of them); the result has every output, unwanted ones
/// undefined.
std::vector<Tensor> run_op(const OpDef& op, std::span<const Tensor> inputs, std::span<KvCache* const> caches,
                           const Attrs& attrs, std::span<const bool> want_optional, const RunLimits& limits,
                           std::string_view label = {});

/// Gradients of the inputs that `wanted` has a flag for; the others are undefined. `inputs` and `outputs` are those of
/// the forward call (see VjpReads), `grad_outputs` is like outputs with undefined tensors for zero.
/// UnsupportedError: the op has no vjp, a wanted input has no gradient, or an output that is not differentiable has
/// one. ShapeError, DTypeError: a gradient does not
/// fit its output.
std::vector<Tensor> run_vjp(const OpDef& op, std::span<const Tensor> inputs, const Attrs& attrs,
                            std::span<const Tensor> outputs, std::span<const Tensor> grad_outputs,
                            std::span<const bool> wanted, const RunLimits& limits, std::string_view label = {});

}  // namespace pyseq
