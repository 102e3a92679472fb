#include "decode/prompt_reader.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

namespace pyseq {
namespace {

using Ids = std::vector<std::int64_t>;

/// Rows that one run reads: as many as make it worth its while.
constexpr std::size_t kRowsAtOnce = 16;

Tensor as_tokens(std::span<const Ids* const> rows, std::int64_t begin, std::int64_t end) {
  Tensor tokens = Tensor::empty(DType::int64, {static_cast<std::int64_t>(rows.size()), end - begin});
  std::int64_t* to = tokens.mutable_data<std::int64_t>();
  for (const Ids* row : rows) to = std::copy(row->begin() + begin, row->begin() + end, to);
  return tokens;
}

}  // namespace

void read_tokens(Session& session, State& state, std::span<const Ids* const> rows, std::int64_t begin, std::int64_t end,
                 const RunLimits& limits) {
  const char* function = session.program().has_function("prefill") ? "prefill" : "step";
  RunOptions options;
  options.limits = limits;
  const std::int64_t at_once = std::max<std::int64_t>(1, kTokensAtOnce / static_cast<std::int64_t>(rows.size()));
  for (; begin < end; begin += at_once) {
    session.run(function, {{"tokens", as_tokens(rows, begin, std::min(end, begin + at_once))}}, &state, options);
  }
}

State read_prompts(Session& session, const std::vector<Ids>& prompts, const RunLimits& limits) {
  // By length, equal ones next to each other.
  std::vector<std::size_t> order(prompts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto is_before = [&](std::size_t a, std::size_t b) {
    const Ids &first = prompts[a], &second = prompts[b];
    return first.size() != second.size() ? first.size() < second.size() : first < second;
  };
  std::stable_sort(order.begin(), order.end(), is_before);
  std::vector<const Ids*> distinct;
  std::vector<std::int64_t> row_of(prompts.size());
  for (const std::size_t i : order) {
    if (distinct.empty() || *distinct.back() != prompts[i]) distinct.push_back(&prompts[i]);
    row_of[i] = static_cast<std::int64_t>(distinct.size()) - 1;
  }

  State state = session.new_state(0);
  for (std::size_t begin = 0; begin < distinct.size();) {
    std::size_t end = begin + 1;
    while (end < distinct.size() && end - begin < kRowsAtOnce && distinct[end]->size() == distinct[begin]->size())
      ++end;
    State rows = session.new_state(static_cast<std::int64_t>(end - begin));
    read_tokens(session, rows, std::span(distinct).subspan(begin, end - begin), 0,
                static_cast<std::int64_t>(distinct[begin]->size()) - 1, limits);
    state.join(std::move(rows));
    begin = end;
  }
  state.reorder(row_of);
  return state;
}

}  // namespace pyseq
