#include "decode/session_pool.h"

#include <utility>

namespace pyseq {
namespace {

constexpr std::size_t kIdleAtMost = 8;                         // callers at the same time that find a session ready
constexpr std::size_t kWorkspaceKept = std::size_t{64} << 20;  // bytes; a session that holds more is let go

}  // namespace

SessionPool::SessionPool(std::shared_ptr<const Program> program) : program_(std::move(program)) {
  idle_.reserve(kIdleAtMost);  // giving back never allocates
}

// A lock that cannot be had at once (another caller has it, or had it in the process that this one was forked from) is
// not waited for: a session of one's own is right as well.
std::unique_ptr<Session> SessionPool::take() {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock || idle_.empty()) return std::make_unique<Session>(program_);
  std::unique_ptr<Session> session = std::move(idle_.back());
  idle_.pop_back();
  return session;
}

void SessionPool::give_back(std::unique_ptr<Session> session) noexcept {
  if (session->workspace_bytes() > kWorkspaceKept) return;
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock || idle_.size() >= kIdleAtMost) return;
  idle_.push_back(std::move(session));
}

}  // namespace pyseq
