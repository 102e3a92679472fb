// The rows that a GenerationService writes at the same time: one state, a step for all of them.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <vector>

#include "decode/serving/request.h"
#include "pyseq/program.h"

namespace pyseq {

class RunningBatch {
 public:
  using Request = std::shared_ptr<GenerationRequest::Impl>;

  RunningBatch(Session& session, std::int64_t vocabulary);

  std::int64_t rows() const { return static_cast<std::int64_t>(rows_.size()); }
  /// A text whose prompt is read but for its last token; `state` has its one row.
  void join(Request request, State state);
  /// The next token of every row; those that are done, or fail, leave. A row whose step fails does not harm the others.
  void step();
  /// Rows whose requests are cancelled or late leave.
  void drop_cancelled();
  /// All rows leave.
  void end(const std::exception_ptr& error);

 private:
  struct Row {
    Request request;
    std::int64_t token;  // read in the next step
    bool is_done = false;
    std::exception_ptr error{};  // why, if not at its end
  };

  Tensor run(State& state, std::int64_t first, std::int64_t count);
  void step_one_by_one();
  void write(Row& row, const float* logits) const;
  void leave();

  Session& session_;
  const std::int64_t vocabulary_;
  State state_;
  std::vector<Row> rows_;
};

}  // namespace pyseq
