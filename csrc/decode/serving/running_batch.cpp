#include "decode/serving/running_batch.h"

#include <span>
#include <utility>

#include "base/threads.h"
#include "decode/log_probs.h"

namespace pyseq {

RunningBatch::RunningBatch(Session& session, std::int64_t vocabulary)
    : session_(session), vocabulary_(vocabulary), state_(session.new_state(0)) {}

void RunningBatch::join(Request request, State state) {
  state_.join(std::move(state));
  const std::int64_t last = request->prompt.back();
  rows_.push_back({std::move(request), last});
}

void RunningBatch::step() {
  Tensor logits;
  try {
    logits = run(state_, 0, rows());
  } catch (const Error&) {
    return step_one_by_one();  // the state is as before: one of the rows cannot go on
  }
  parallel_for(rows(), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      write(rows_[static_cast<std::size_t>(row)], logits.data<float>() + row * vocabulary_);
    }
  });
  leave();
}

/// Logits [count, 1, vocabulary] after the tokens of some rows, whose state is given.
Tensor RunningBatch::run(State& state, std::int64_t first, std::int64_t count) {
  Tensor tokens = Tensor::empty(DType::int64, {count, 1});
  for (std::int64_t i = 0; i < count; ++i) {
    tokens.mutable_data<std::int64_t>()[i] = rows_[static_cast<std::size_t>(first + i)].token;
  }
  RunResult result = session_.run("step", {{"tokens", tokens}}, &state);
  const auto logits = result.outputs.find("logits");
  if (logits == result.outputs.end()) throw ValueError("step: the function has no output \"logits\"");
  check_logits("generator", logits->second, count, 1, vocabulary_);
  return logits->second;
}

void RunningBatch::step_one_by_one() {
  State joined = session_.new_state(0);
  for (std::int64_t row = 0; row < rows(); ++row) {
    State own = state_.clone();
    own.reorder({{row}});
    Row& one = rows_[static_cast<std::size_t>(row)];
    try {
      const Tensor logits = run(own, row, 1);
      write(one, logits.data<float>());
    } catch (const Error&) {
      one.is_done = true;
      one.error = std::current_exception();
    }
    joined.join(std::move(own));
  }
  state_ = std::move(joined);
  leave();
}

void RunningBatch::write(Row& row, const float* logits) const {
  try {
    std::optional<GeneratedToken> token = row.request->writer.next({logits, static_cast<std::size_t>(vocabulary_)});
    row.is_done = !token || row.request->writer.is_done();
    if (!token) return;
    row.token = token->id;
    row.request->put(std::move(*token));
  } catch (...) {
    row.is_done = true;
    row.error = std::current_exception();
  }
}

void RunningBatch::drop_cancelled() {
  for (Row& row : rows_) {
    try {
      row.request->check();
    } catch (const Error&) {
      row.is_done = true;
      row.error = std::current_exception();
    }
  }
  leave();
}

void RunningBatch::leave() {
  std::vector<std::int64_t> kept;
  std::vector<Row> left;
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    if (rows_[row].is_done) {
      rows_[row].request->end(rows_[row].error);
    } else {
      kept.push_back(static_cast<std::int64_t>(row));
      left.push_back(std::move(rows_[row]));
    }
  }
  const bool has_changed = kept.size() != rows_.size();
  rows_ = std::move(left);
  if (has_changed) state_.reorder(kept);
}

void RunningBatch::end(const std::exception_ptr& error) {
  for (Row& row : rows_) row.request->end(error);
  rows_.clear();
  state_ = session_.new_state(0);
}

}  // namespace pyseq
