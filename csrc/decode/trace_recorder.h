// Keeps what a search shows to an observer.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "decode/search_observer.h"
#include "pyseq/decode.h"
#include "pyseq/search_trace.h"

namespace pyseq {

struct SearchTrace::Data {
  struct Step {
    std::int64_t beam, length;
    bool done_early;
    std::vector<ObservedCandidate> candidates;
  };
  std::int64_t source = 0;
  DecodingOptions options;
  Marks marks;
  std::vector<Step> steps;
  std::vector<ObservedResult> results;
};

class TraceRecorder final : public SearchObserver {
 public:
  TraceRecorder(const Marks& marks, const DecodingOptions& options, std::size_t sources);
  void on_candidates(const ObservedStep& step) override;
  void on_result(const ObservedResult& result) override;
  std::shared_ptr<const SearchTrace> trace(std::size_t source) const;

 private:
  SearchObserver* next_;  // the caller's own, or null
  std::vector<std::shared_ptr<SearchTrace::Data>> sources_;
};

}  // namespace pyseq
