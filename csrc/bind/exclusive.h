// An object of C++ that belongs to one thread at a time, guarded for Python, where any thread may reach it.
#pragma once

#include <atomic>
#include <string>
#include <utility>

#include "pyseq/error.h"

namespace pyseq {

/// How error messages call an exclusive class; each one specialises it.
template <typename T>
extern const char* const kExclusiveName;

/// Holds a T that is used through a Lease only. A second lease at the same time is an Error, not a data race: calls
/// that compute let go of the GIL, and a Python callback may come back to the object that is calling it.
template <typename T>
class Exclusive {
 public:
  template <typename... Args>
  explicit Exclusive(std::in_place_t, Args&&... args) : value_(std::forward<Args>(args)...) {}

  class Lease {
   public:
    explicit Lease(Exclusive& owner) : owner_(&owner) {
      if (owner.busy_.exchange(true, std::memory_order_acquire)) {
        throw Error(std::string(kExclusiveName<T>) + ": another call is using it, and it serves one call at a time");
      }
    }
    Lease(Lease&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (owner_ != nullptr) owner_->busy_.store(false, std::memory_order_release);
    }
    T& operator*() const { return owner_->value_; }
    T* operator->() const { return &owner_->value_; }

   private:
    Exclusive* owner_;
  };

  Lease lease() { return Lease(*this); }

 private:
  T value_;
  std::atomic<bool> busy_{false};
};

}  // namespace pyseq
