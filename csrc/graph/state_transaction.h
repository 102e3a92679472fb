// StateTransaction: a run changes the whole state or nothing of it.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "graph/compile.h"
#include "graph/state_impl.h"

namespace pyseq {

/// Caches are appended to in place while the function runs: unless commit() is called, the destructor takes that back.
/// Carries and memory are replaced by commit() only.
class StateTransaction {
 public:
  /// `state` may be null for functions that use none.
  StateTransaction(const CompiledFunction& function, State::Impl* state);
  ~StateTransaction();
  StateTransaction(const StateTransaction&) = delete;
  StateTransaction& operator=(const StateTransaction&) = delete;

  /// Checks the new values and makes what they imply: a function that writes memory starts new sequences, one per
  /// source. May throw; nothing is visible yet.
  void prepare(std::vector<std::pair<int, Tensor>> updates);
  void commit() noexcept;

 private:
  std::int64_t rows_after(const std::vector<std::pair<int, Tensor>>& updates) const;
  void start_sequences(std::int64_t rows);

  const CompiledFunction& function_;
  State::Impl* state_;
  std::vector<std::vector<std::int64_t>> lengths_;  // of the function's caches, per row
  State::Impl next_;
  bool committed_ = false;
};

}  // namespace pyseq
