// WeightStore: the weights of a program in the layouts that its ops read, each made once and shared.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "io/program_spec.h"

namespace pyseq {

class WeightStore {
 public:
  /// `storage`: of packed weights; absent: as the file has them.
  WeightStore(const std::vector<WeightSpec>& weights, std::optional<DType> storage)
      : weights_(weights), storage_(storage) {}

  /// Announces that an op reads a weight packed with `gates`. All announcements come before the first `operand`.
  void want_packed(int weight, int gates);
  /// What an op input reads: packed where it can be, and row-major where the op (or the weight) asks for it. A weight
  /// that cannot be packed stays row-major: the op's own shape rule then says what is wrong with it.
  Tensor operand(int weight, const InputDef& input);
  Tensor row_major(int weight);
  /// Nothing that was handed out is the tensor as the file has it.
  bool is_replaced(int weight) const { return !used_as_stored_.contains(weight); }

 private:
  bool can_pack(int weight, int gates) const;
  DType storage_of(int weight) const;
  Tensor packed(int weight, int gates);

  const std::vector<WeightSpec>& weights_;
  std::optional<DType> storage_;
  std::map<std::pair<int, int>, Tensor> made_;  // (weight, gates) -> tensor; gates 0: row-major
  std::map<std::pair<int, int>, bool> wanted_;
  std::set<int> used_as_stored_;
};

}  // namespace pyseq
