// One call of an op on a tape: what its vjp needs, kept until the gradients have been taken.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "bind/arrays.h"
#include "ops/registry.h"

namespace pyseq {

class OpRecord {
 public:
  /// Keeps the data of the operands that the vjp reads, and the shapes of the others.
  OpRecord(const OpDef& op, std::string label, Attrs attrs, std::vector<Tensor> inputs, std::vector<Tensor> outputs);

  const OpDef& op() const { return op_; }
  const std::string& label() const { return label_; }
  /// One array per input of the call, None where it was not wanted. `gradients` is like the outputs, None for zero.
  OptionalArrayList vjp(const ObjectList& gradients, const std::vector<bool>& wanted) const;

 private:
  const OpDef& op_;
  std::string label_;
  Attrs attrs_;
  std::vector<Tensor> inputs_, outputs_;
};

/// Adds `OpRecord` and `record_op`.
void bind_op_record(py::module_& module);

}  // namespace pyseq
