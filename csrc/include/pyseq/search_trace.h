// What a search did: every candidate with its scores and what became of it, as JSON (docs/architecture.md, Traces).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace pyseq {

/// How a trace shows tokens and what it calls its source.
struct TraceNames {
  std::string title;
  std::string separator;                                  // between the texts of tokens
  std::function<std::string(std::int64_t token)> text{};  // none: tokens are numbers
};

/// The search of one source. Immutable.
class SearchTrace {
 public:
  struct Data;
  explicit SearchTrace(std::shared_ptr<const Data> data) : data_(std::move(data)) {}
  std::string json(const TraceNames& names = {}) const;

 private:
  std::shared_ptr<const Data> data_;
};

}  // namespace pyseq
