#include "decode/serving/request.h"

namespace pyseq {
namespace {

constexpr auto kLimitsPeriod = std::chrono::milliseconds(20);  // how often those who wait look at their limits

}  // namespace

GenerationRequest::GenerationRequest(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

// Nobody can read what would still be written.
GenerationRequest::~GenerationRequest() {
  cancel();
}

std::optional<GeneratedToken> GenerationRequest::next(const RunLimits& limits) {
  std::unique_lock lock(impl_->mutex);
  while (impl_->written.empty() && !impl_->is_done) {
    impl_->changed.wait_for(lock, kLimitsPeriod);
    if (!impl_->written.empty() || impl_->is_done) break;
    lock.unlock();  // the check may ask for another lock
    limits.check();
    lock.lock();
  }
  if (impl_->written.empty()) {
    if (impl_->failure) std::rethrow_exception(impl_->failure);
    return std::nullopt;
  }
  std::optional<GeneratedToken> token(std::move(impl_->written.front()));
  impl_->written.pop_front();
  return token;
}

void GenerationRequest::cancel() {
  impl_->is_cancelled.store(true, std::memory_order_relaxed);
}

bool GenerationRequest::is_done() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->is_done;
}

}  // namespace pyseq
