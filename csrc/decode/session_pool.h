// Sessions that wait for the next call of a translator. A new one would plan every function anew, which takes as long
// as running a small model.
#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "pyseq/program.h"

namespace pyseq {

class SessionPool {
 public:
  explicit SessionPool(std::shared_ptr<const Program> program);

  /// A session for one call, given back when the call ends, whether it throws or not.
  class Lease {
   public:
    explicit Lease(SessionPool& pool) : pool_(pool), session_(pool.take()) {}
    ~Lease() { pool_.give_back(std::move(session_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Session& operator*() { return *session_; }

   private:
    SessionPool& pool_;
    std::unique_ptr<Session> session_;
  };

 private:
  std::unique_ptr<Session> take();
  void give_back(std::unique_ptr<Session> session) noexcept;

  const std::shared_ptr<const Program> program_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Session>> idle_;  // the last one is taken first
};

}  // namespace pyseq
