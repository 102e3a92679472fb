// What a State holds, and the view of it that a run reads.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "ops/kv_cache.h"
#include "pyseq/program.h"

namespace pyseq {

struct State::Impl {
  std::shared_ptr<const Program> program;
  std::int64_t rows = 0;
  // One entry per state of the program.
  std::vector<Tensor> tensors;                   // carries, memories; undefined: a cache, or memory not yet written
  std::vector<std::unique_ptr<KvCache>> caches;  // null for the other kinds
  Tensor row_map;                                // int64 [rows]: row -> source
};

/// Zero carries and empty caches; memory is undefined and the row map is the identity.
State::Impl make_state(std::shared_ptr<const Program> program, std::int64_t rows);

/// [rows, sizes of a row...]
Shape carry_shape(const StateInfo& info, std::int64_t rows);
/// The parts of a fresh state.
Tensor initial_carry(const StateInfo& info, std::int64_t rows);
std::unique_ptr<KvCache> initial_cache(const StateInfo& info, std::int64_t rows);
Tensor identity_rows(std::int64_t rows);

/// The type of a carry or memory with `rows` rows: DTypeError, ShapeError.
void check_state_tensor(const StateInfo& info, const Tensor& value, std::int64_t rows, std::string_view label);

/// What nodes read beside values and weights; empty inside the bodies of loops.
struct StateView {
  std::span<const Tensor> tensors;
  std::span<const std::unique_ptr<KvCache>> caches;
  Tensor row_map;

  StateView() = default;
  explicit StateView(const State::Impl& state) : tensors(state.tensors), caches(state.caches), row_map(state.row_map) {}
};

}  // namespace pyseq
