// The border of the C API: exceptions become codes, their sentences stay with the thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <new>
#include <string>

#include "pyseq.h"
#include "pyseq/error.h"
#include "pyseq/runtime.h"

struct pyseq_cancel {
  pyseq::CancelToken token;
};

namespace pyseq::capi {

/// Keeps the sentence for pyseq_last_error(), cut where it does not fit: allocates nothing.
void set_last_error(const char* function, const char* sentence) noexcept;
/// The code of the exception that is being handled, whose sentence is kept.
pyseq_status status_of_current_exception(const char* function) noexcept;

/// Runs the body of a function of the C API.
template <typename Body>
pyseq_status guarded(const char* function, Body body) noexcept {
  try {
    body();
    return PYSEQ_OK;
  } catch (...) {
    return status_of_current_exception(function);
  }
}

/// ValueError: the pointer is null.
template <typename T>
T& required(T* pointer, const char* argument) {
  if (pointer == nullptr) throw ValueError(std::string(argument) + " is NULL");
  return *pointer;
}

/// A text that must be there.
inline const char* required_text(const char* text, const char* argument) {
  return &required(text, argument);
}

/// Where a result goes; NULL stands there until it is known.
template <typename T>
T*& required_result(T** result) {
  T*& place = required(result, "result");
  place = nullptr;
  return place;
}

/// `timeout` in seconds (0: none), `cancel` may be null. ValueError: a time that is none.
RunLimits limits_of(double timeout, const pyseq_cancel* cancel);

/// The structure of options that the caller filled, whatever its version of the header was: what that did not have yet
/// keeps its default. ValueError: `size` is not set.
template <typename Options>
Options options_of(const Options* given, void (*init)(Options*)) {
  Options options;
  init(&options);
  if (given == nullptr) return options;
  if (given->size < sizeof(std::size_t) || given->size > 4096) {
    throw ValueError("options.size is " + std::to_string(given->size) + ", expected what their _init function sets");
  }
  const std::size_t known = given->size < sizeof(Options) ? given->size : sizeof(Options);
  const auto* from = reinterpret_cast<const std::byte*>(given);
  auto* to = reinterpret_cast<std::byte*>(&options);
  for (std::size_t i = 0; i < known; ++i) to[i] = from[i];
  options.size = sizeof(Options);
  return options;
}

}  // namespace pyseq::capi
