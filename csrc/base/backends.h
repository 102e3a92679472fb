// The two sources of workers. Each call makes this thread the leader of a team of up to `threads` and calls body() on
// it; exceptions of body pass through. False, without calling body(), when the backend cannot serve the call now.
#pragma once

#include "base/threads.h"

namespace pyseq {

/// Which calling threads OpenMP may serve. It keeps separate workers for every thread that calls it, so automatic
/// choice lets only the first thread use it, as long as that thread lives.
enum class OpenmpCallers { first_thread, any_thread };

/// Refuses in a forked child, inside somebody's OpenMP region, while it serves another thread, and when not built.
bool lead_openmp_team(int threads, OpenmpCallers callers, FunctionRef<void()> body);

/// Refuses while it serves another thread, and when not a single thread can be created.
bool lead_pool_team(int threads, FunctionRef<void()> body);

}  // namespace pyseq
