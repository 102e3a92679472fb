// Work sharing on two backends, OpenMP and a pool of std::thread workers. The only file that knows omp.h is
// threads_openmp.cpp. Which backend serves a call is decided in threads.cpp (see docs/architecture.md, Threads).
//
// Rules for users: the split of work into chunks may depend on shapes only, never on the number of threads, wherever
// the result could depend on it. Exceptions thrown by `fn` reach the caller; the first one wins.
#pragma once

#include <cstdint>
#include <functional>
#include <type_traits>

namespace pyseq {

/// A non-owning reference to a callable: no allocation on the way into a region.
template <typename Signature>
class FunctionRef;
template <typename R, typename... Args>
class FunctionRef<R(Args...)> {
 public:
  template <typename F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, FunctionRef>)
  FunctionRef(F&& f)  // NOLINT: implicit by design
      : object_(const_cast<void*>(static_cast<const void*>(&f))), call_([](void* object, Args... args) -> R {
          return (*static_cast<std::remove_reference_t<F>*>(object))(static_cast<Args>(args)...);
        }) {}
  R operator()(Args... args) const { return call_(object_, static_cast<Args>(args)...); }

 private:
  void* object_;
  R (*call_)(void*, Args...);
};

/// Calls fn(begin, end) over [0, n) in chunks of at least `grain` items, possibly on several threads. Runs serially
/// when n <= grain, with one thread, or when nested in another parallel call.
void parallel_for(std::int64_t n, std::int64_t grain, FunctionRef<void(std::int64_t, std::int64_t)> fn);

/// The threads of a region that really arrived: they meet at wait(). Spins a bounded time, then yields.
class Barrier {
 public:
  virtual void wait() = 0;

 protected:
  ~Barrier() = default;
};

/// Calls fn(thread, count, barrier) once on each of `count` <= max_threads threads at the same time. Used where threads
/// must meet at a barrier (recurrent layers). Every thread must make the same number of barrier calls; when one throws,
/// the others are released from the barrier by an internal exception and the first error reaches the caller.
void parallel_region(int max_threads, FunctionRef<void(int, int, Barrier&)> fn);

/// Calls body() with one team of workers that stays awake for all parallel calls made by body on this thread: a program
/// run is one such call, so that fork and join are paid once per run. Free when nested in another one.
void with_team(FunctionRef<void()> body);

}  // namespace pyseq
