#include <algorithm>
#include <cstring>
#include <numeric>

#include "graph/program_impl.h"
#include "graph/state_impl.h"

namespace pyseq {
namespace {

std::string subject(const StateInfo& info) {
  return std::string(state_kind_name(info.kind)) + " \"" + info.name + "\"";
}

Tensor gather(const Tensor& tensor, std::span<const std::int64_t> rows) {
  Tensor result = Tensor::empty(tensor.dtype(), tensor.shape().with(0, static_cast<std::int64_t>(rows.size())));
  if (result.num_bytes() == 0) return result;
  const std::size_t row_bytes = result.num_bytes() / rows.size();
  const auto* from = static_cast<const std::byte*>(tensor.raw());
  auto* to = static_cast<std::byte*>(result.mutable_raw());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::memcpy(to + i * row_bytes, from + static_cast<std::size_t>(rows[i]) * row_bytes, row_bytes);
  }
  return result;
}

/// A row of the state has a row of its own of it.
bool is_gathered(StateKind kind) {
  return kind == StateKind::carry || kind == StateKind::varying;
}

int find_state(const State::Impl& state, std::string_view name) {
  std::string known;
  for (std::size_t i = 0; i < state.tensors.size(); ++i) {
    const StateInfo& info = state.program->state()[i];
    if (info.name == name) return static_cast<int>(i);
    known += (known.empty() ? "" : ", ") + info.name;
  }
  throw ValueError("the state has no \"" + std::string(name) + "\"; it has " + (known.empty() ? "nothing" : known));
}

void require_tensor(const StateInfo& info) {
  if (info.kind == StateKind::cache) throw ValueError(subject(info) + " is not a tensor");
}

void check_parents(std::span<const std::int64_t> parents, std::int64_t rows) {
  for (const std::int64_t parent : parents) {
    if (parent >= 0 && parent < rows) continue;
    throw IndexError("reorder: parent " + std::to_string(parent) + " is not a row of the state, expected 0 to " +
                     std::to_string(rows - 1));
  }
}

/// The rows of one tensor, then those of the other; undefined where both are.
Tensor joined(const StateInfo& info, const Tensor& first, const Tensor& second) {
  if (!first.defined() && !second.defined()) return {};
  if (!first.defined() || !second.defined())
    throw ValueError("join: " + subject(info) + " is written in one state only");
  if (first.shape().with(0, 0) != second.shape().with(0, 0)) {
    throw ValueError("join: " + subject(info) + " has shapes " + first.shape().to_string() + " and " +
                     second.shape().to_string() + ", expected the same but for the first size");
  }
  Tensor result = Tensor::empty(first.dtype(), first.shape().with(0, first.size(0) + second.size(0)));
  auto* to = static_cast<std::byte*>(result.mutable_raw());
  if (first.num_bytes() > 0) std::memcpy(to, first.raw(), first.num_bytes());
  if (second.num_bytes() > 0) std::memcpy(to + first.num_bytes(), second.raw(), second.num_bytes());
  return result;
}

/// Rows of memory; where there is none, as many as rows of the state know.
std::int64_t count_sources(const State::Impl& state) {
  for (std::size_t i = 0; i < state.tensors.size(); ++i) {
    if (state.program->state()[i].kind == StateKind::memory && state.tensors[i].defined())
      return state.tensors[i].size(0);
  }
  const std::span<const std::int64_t> map = state.row_map.values<std::int64_t>();
  return map.empty() ? 0 : *std::max_element(map.begin(), map.end()) + 1;
}

}  // namespace

Shape carry_shape(const StateInfo& info, std::int64_t rows) {
  std::vector<std::int64_t> sizes{rows};
  sizes.insert(sizes.end(), info.shape.begin(), info.shape.end());
  return Shape(sizes);
}

Tensor initial_carry(const StateInfo& info, std::int64_t rows) {
  return Tensor::zeros(info.dtype, carry_shape(info, rows));
}

std::unique_ptr<KvCache> initial_cache(const StateInfo& info, std::int64_t rows) {
  return std::make_unique<KvCache>(info.shape[0], info.shape[1], info.shape[2], rows, info.dtype);
}

Tensor identity_rows(std::int64_t rows) {
  Tensor map = Tensor::empty(DType::int64, {rows});
  std::int64_t* values = map.mutable_data<std::int64_t>();
  std::iota(values, values + rows, std::int64_t{0});
  return map;
}

void check_state_tensor(const StateInfo& info, const Tensor& value, std::int64_t rows, std::string_view label) {
  const std::string prefix = std::string(label) + ": " + subject(info);
  if (value.dtype() != info.dtype) {
    throw DTypeError(prefix + " has dtype " + dtype_name(value.dtype()) + ", expected " + dtype_name(info.dtype));
  }
  const bool fits = info.kind == StateKind::carry ? value.shape() == carry_shape(info, rows)
                                                  : value.rank() >= 1 && value.size(0) == rows;
  if (fits) return;
  throw ShapeError(
      prefix + " has shape " + value.shape().to_string() + ", expected " +
      (info.kind == StateKind::carry ? carry_shape(info, rows).to_string() : "[" + std::to_string(rows) + ", ...]"));
}

State::Impl make_state(std::shared_ptr<const Program> program, std::int64_t rows) {
  if (rows < 0) throw ValueError("new_state: rows is " + std::to_string(rows) + ", expected at least 0");
  State::Impl state;
  state.rows = rows;
  for (const StateInfo& info : program->state()) {
    state.tensors.push_back(info.kind == StateKind::carry ? initial_carry(info, rows) : Tensor());
    state.caches.push_back(info.kind == StateKind::cache ? initial_cache(info, rows) : nullptr);
  }
  state.row_map = identity_rows(rows);
  state.program = std::move(program);
  return state;
}

State::State() : impl_(std::make_unique<Impl>()) {
  impl_->row_map = identity_rows(0);
}
State::~State() = default;
State::State(State&&) noexcept = default;
State& State::operator=(State&&) noexcept = default;

State State::clone() const {
  State copy;
  copy.impl_->program = impl_->program;
  copy.impl_->rows = impl_->rows;
  copy.impl_->tensors = impl_->tensors;  // never written in place, so they can be shared
  copy.impl_->row_map = impl_->row_map;
  for (const auto& cache : impl_->caches) {
    copy.impl_->caches.push_back(cache ? std::make_unique<KvCache>(*cache) : nullptr);
  }
  return copy;
}

std::int64_t State::rows() const {
  return impl_->rows;
}

void State::join(State&& other) {
  if (impl_->program != other.impl_->program) throw ValueError("join: the states belong to different programs");
  // Everything is made before anything is replaced, as far as it may fail.
  std::vector<Tensor> tensors;
  for (std::size_t i = 0; i < impl_->tensors.size(); ++i) {
    tensors.push_back(joined(impl_->program->state()[i], impl_->tensors[i], other.impl_->tensors[i]));
  }
  const std::int64_t own_sources = count_sources(*impl_);
  Tensor row_map = Tensor::empty(DType::int64, {impl_->rows + other.impl_->rows});
  std::int64_t* map =
      std::copy_n(impl_->row_map.data<std::int64_t>(), impl_->rows, row_map.mutable_data<std::int64_t>());
  for (const std::int64_t source : other.sources()) *map++ = source + own_sources;
  for (std::size_t i = 0; i < impl_->caches.size(); ++i) {
    if (impl_->caches[i]) impl_->caches[i]->join(std::move(*other.impl_->caches[i]));
  }
  impl_->tensors = std::move(tensors);
  impl_->row_map = std::move(row_map);
  impl_->rows += other.impl_->rows;
  other = State();
}

std::size_t State::cache_bytes() const {
  std::size_t bytes = 0;
  for (const auto& cache : impl_->caches) bytes += cache ? cache->bytes() : 0;
  return bytes;
}

std::size_t State::tensor_bytes() const {
  std::size_t bytes = 0;
  for (const Tensor& tensor : impl_->tensors) bytes += tensor.defined() ? tensor.num_bytes() : 0;
  return bytes;
}

void State::reorder(std::span<const std::int64_t> parents) {
  check_parents(parents, impl_->rows);
  // Everything is made before anything is replaced, so that a failure changes nothing.
  State next;
  next.impl_->program = impl_->program;
  next.impl_->tensors = impl_->tensors;
  for (std::size_t i = 0; i < impl_->tensors.size(); ++i) {
    if (is_gathered(impl_->program->state()[i].kind) && impl_->tensors[i].defined()) {
      next.impl_->tensors[i] = gather(impl_->tensors[i], parents);
    }
    const auto& cache = impl_->caches[i];
    next.impl_->caches.push_back(cache ? std::make_unique<KvCache>(cache->reordered(parents)) : nullptr);
  }
  next.impl_->row_map = gather(impl_->row_map, parents);
  next.impl_->rows = static_cast<std::int64_t>(parents.size());
  impl_ = std::move(next.impl_);
}

Tensor State::tensor(std::string_view name) const {
  const int index = find_state(*impl_, name);
  const StateInfo& info = impl_->program->state()[index];
  require_tensor(info);
  if (!impl_->tensors[index].defined()) throw ValueError(subject(info) + " has not been written yet");
  return impl_->tensors[index].copy();
}

void State::set_tensor(std::string_view name, const Tensor& value) {
  const int index = find_state(*impl_, name);
  const StateInfo& info = impl_->program->state()[index];
  require_tensor(info);
  if (value.raw() == nullptr || value.is_packed()) {
    throw ValueError("set_tensor: " + subject(info) + " needs a row-major tensor with data");
  }
  std::int64_t expected_rows = impl_->rows;
  if (info.kind == StateKind::memory && value.rank() >= 1) {
    // Memory has a row per source: any number of them, as long as every row of the state finds its own.
    const std::span<const std::int64_t> map = sources();
    const std::int64_t needed = map.empty() ? 0 : *std::max_element(map.begin(), map.end()) + 1;
    expected_rows = std::max(needed, value.size(0));
  }
  check_state_tensor(info, value, expected_rows, "set_tensor");
  impl_->tensors[index] = value.copy();
}

std::span<const std::int64_t> State::sources() const {
  return impl_->row_map.values<std::int64_t>();
}

}  // namespace pyseq
