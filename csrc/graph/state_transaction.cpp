#include "graph/state_transaction.h"

#include <algorithm>

namespace pyseq {

StateTransaction::StateTransaction(const CompiledFunction& function, State::Impl* state)
    : function_(function), state_(state) {
  for (const int index : function.caches) {
    const KvCache& cache = *state->caches[index];
    std::vector<std::int64_t>& lengths = lengths_.emplace_back(cache.rows());
    for (std::int64_t row = 0; row < cache.rows(); ++row) lengths[row] = cache.length(row);
  }
}

StateTransaction::~StateTransaction() {
  if (committed_) return;
  for (std::size_t i = 0; i < lengths_.size(); ++i) state_->caches[function_.caches[i]]->truncate(lengths_[i]);
}

std::int64_t StateTransaction::rows_after(const std::vector<std::pair<int, Tensor>>& updates) const {
  if (!function_.writes_memory) return state_->rows;
  for (const auto& [index, value] : updates) {
    if (state_->program->state()[index].kind == StateKind::memory && value.rank() >= 1) return value.size(0);
  }
  return state_->rows;
}

void StateTransaction::start_sequences(std::int64_t rows) {
  const std::vector<StateInfo>& infos = state_->program->state();
  for (std::size_t i = 0; i < infos.size(); ++i) {
    Tensor& tensor = next_.tensors[i];
    if (infos[i].kind == StateKind::carry) tensor = initial_carry(infos[i], rows);
    if (infos[i].kind == StateKind::varying) tensor = {};
    if (infos[i].kind == StateKind::cache) next_.caches[i] = initial_cache(infos[i], rows);
    // Memory of other functions stays when it belongs to as many sources.
    if (infos[i].kind == StateKind::memory && tensor.defined() && tensor.size(0) != rows) tensor = {};
  }
  next_.rows = rows;
  next_.row_map = identity_rows(rows);
}

void StateTransaction::prepare(std::vector<std::pair<int, Tensor>> updates) {
  if (state_ == nullptr) return;
  const std::int64_t rows = rows_after(updates);
  next_.tensors = state_->tensors;
  next_.caches.resize(state_->caches.size());  // null: the cache stays
  next_.rows = state_->rows;
  next_.row_map = state_->row_map;
  if (function_.writes_memory) start_sequences(rows);
  for (auto& [index, value] : updates) {
    check_state_tensor(state_->program->state()[index], value, rows, function_.name);
    next_.tensors[index] = std::move(value);
  }
}

void StateTransaction::commit() noexcept {
  committed_ = true;
  if (state_ == nullptr) return;
  state_->rows = next_.rows;
  state_->row_map = std::move(next_.row_map);
  state_->tensors.swap(next_.tensors);
  for (std::size_t i = 0; i < next_.caches.size(); ++i) {
    if (next_.caches[i]) state_->caches[i].swap(next_.caches[i]);
  }
}

}  // namespace pyseq
