// A request of a GenerationService, as its caller and the service see it.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "decode/text_writer.h"
#include "pyseq/generation_service.h"

namespace pyseq {

struct GenerationRequest::Impl {
  Impl(std::vector<std::int64_t> prompt, TextWriter writer, RunLimits limits)
      : prompt(std::move(prompt)), writer(std::move(writer)), limits(std::move(limits)) {}

  // The service's.
  const std::vector<std::int64_t> prompt;  // at least one token
  TextWriter writer;
  const RunLimits limits;  // the deadline alone
  std::atomic<bool> is_cancelled{false};

  /// What keeps the text from going on: CancelledError, DeadlineError.
  void check() const {
    if (is_cancelled.load(std::memory_order_relaxed)) throw CancelledError("generate: the request was cancelled");
    limits.check();
  }
  void put(GeneratedToken token) {
    const std::lock_guard lock(mutex);
    written.push_back(std::move(token));
    changed.notify_one();
  }
  /// Nothing more comes; `error` is why, or null.
  void end(std::exception_ptr error) {
    const std::lock_guard lock(mutex);
    if (is_done) return;
    is_done = true;
    failure = std::move(error);
    changed.notify_all();
  }

  // Shared, under the mutex.
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::deque<GeneratedToken> written;
  bool is_done = false;
  std::exception_ptr failure;
};

}  // namespace pyseq
