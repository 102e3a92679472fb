#include <cmath>

#include "capi/guard.h"

namespace pyseq::capi {
namespace {

constexpr std::size_t kLongestSentence = 4096;
thread_local char last_error[kLongestSentence] = "";

/// The code of a class of exceptions.
template <typename Exception>
constexpr pyseq_status kStatus = PYSEQ_ERROR;
template <>
constexpr pyseq_status kStatus<ShapeError> = PYSEQ_ERROR_SHAPE;
template <>
constexpr pyseq_status kStatus<DTypeError> = PYSEQ_ERROR_DTYPE;
template <>
constexpr pyseq_status kStatus<IndexError> = PYSEQ_ERROR_INDEX;
template <>
constexpr pyseq_status kStatus<ValueError> = PYSEQ_ERROR_VALUE;
template <>
constexpr pyseq_status kStatus<FormatError> = PYSEQ_ERROR_FORMAT;
template <>
constexpr pyseq_status kStatus<UnsupportedError> = PYSEQ_ERROR_UNSUPPORTED;
template <>
constexpr pyseq_status kStatus<CancelledError> = PYSEQ_ERROR_CANCELLED;
template <>
constexpr pyseq_status kStatus<DeadlineError> = PYSEQ_ERROR_DEADLINE;
template <>
constexpr pyseq_status kStatus<std::bad_alloc> = PYSEQ_ERROR_MEMORY;

/// Tries the classes one after the other; the last one is the base of the others.
template <typename First, typename... Others>
pyseq_status classify(const std::exception& error) {
  if (dynamic_cast<const First*>(&error) != nullptr) return kStatus<First>;
  if constexpr (sizeof...(Others) > 0) {
    return classify<Others...>(error);
  } else {
    return PYSEQ_ERROR;
  }
}

}  // namespace

void set_last_error(const char* function, const char* sentence) noexcept {
  std::snprintf(last_error, sizeof last_error, "%s: %s", function, sentence);
}

pyseq_status status_of_current_exception(const char* function) noexcept {
  try {
    throw;
  } catch (const std::exception& error) {
    set_last_error(function, error.what());
    return classify<ShapeError, DTypeError, IndexError, ValueError, FormatError, UnsupportedError, CancelledError,
                    DeadlineError, std::bad_alloc>(error);
  } catch (...) {
    set_last_error(function, "an exception that is not of the standard library");
    return PYSEQ_ERROR;
  }
}

RunLimits limits_of(double timeout, const pyseq_cancel* cancel) {
  constexpr double kLongest = 1e9;  // seconds: 30 years
  if (!(timeout >= 0)) throw ValueError("timeout is " + std::to_string(timeout) + ", expected seconds, 0 or more");
  RunLimits limits;
  if (timeout > 0 && timeout < kLongest) {
    limits = RunLimits::within(std::chrono::nanoseconds(static_cast<std::int64_t>(timeout * 1e9)));
  }
  if (cancel != nullptr) limits.cancel = &cancel->token;
  return limits;
}

}  // namespace pyseq::capi

const char* pyseq_last_error(void) {
  return pyseq::capi::last_error;
}

const char* pyseq_status_name(pyseq_status status) {
  switch (status) {
    case PYSEQ_OK:
      return "ok";
    case PYSEQ_ERROR:
      return "error";
    case PYSEQ_ERROR_SHAPE:
      return "shape";
    case PYSEQ_ERROR_DTYPE:
      return "dtype";
    case PYSEQ_ERROR_INDEX:
      return "index";
    case PYSEQ_ERROR_VALUE:
      return "value";
    case PYSEQ_ERROR_FORMAT:
      return "format";
    case PYSEQ_ERROR_UNSUPPORTED:
      return "unsupported";
    case PYSEQ_ERROR_CANCELLED:
      return "cancelled";
    case PYSEQ_ERROR_DEADLINE:
      return "deadline";
    case PYSEQ_ERROR_MEMORY:
      return "memory";
  }
  return "unknown";
}
