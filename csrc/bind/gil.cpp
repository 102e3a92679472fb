#include <chrono>
#include <thread>

#include "bind/bind.h"

namespace pyseq {
namespace {

[[noreturn]] void stay() {
  while (true) std::this_thread::sleep_for(std::chrono::hours(1));
}

}  // namespace

GilRelease::~GilRelease() {
  try {
    PyEval_RestoreThread(state_);
  } catch (...) {  // not an exception: the unwinding of pthread_exit, which a handler holds up as long as it runs
    stay();
  }
}

GilAcquire::GilAcquire() {
  try {
    gil_.emplace();
  } catch (...) {
    stay();
  }
}

}  // namespace pyseq
