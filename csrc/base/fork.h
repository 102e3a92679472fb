// fork() copies memory but only the calling thread: in a child, workers that existed are gone.
#pragma once

namespace pyseq {

/// How many forks lie between the process that loaded this library and this one.
int fork_generation();

}  // namespace pyseq
