#include "decode/trace_recorder.h"

namespace pyseq {

TraceRecorder::TraceRecorder(const Marks& marks, const DecodingOptions& options, std::size_t sources)
    : next_(options.observer) {
  for (std::size_t source = 0; source < sources; ++source) {
    auto data = std::make_shared<SearchTrace::Data>();
    data->source = static_cast<std::int64_t>(source);
    data->options = options;
    data->marks = marks;
    sources_.push_back(std::move(data));
  }
}

void TraceRecorder::on_candidates(const ObservedStep& step) {
  if (next_ != nullptr) next_->on_candidates(step);
  sources_[static_cast<std::size_t>(step.source)]->steps.push_back(
      {step.beam, step.length, step.done_early, {step.candidates.begin(), step.candidates.end()}});
}

void TraceRecorder::on_result(const ObservedResult& result) {
  if (next_ != nullptr) next_->on_result(result);
  sources_[static_cast<std::size_t>(result.source)]->results.push_back(result);
}

std::shared_ptr<const SearchTrace> TraceRecorder::trace(std::size_t source) const {
  return std::make_shared<SearchTrace>(sources_[source]);
}

}  // namespace pyseq
