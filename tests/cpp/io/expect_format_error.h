// What the tables of damaged files check: FormatError, with a message that says what is wrong.
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "pyseq/error.h"

namespace pyseq::testing {

/// The message of the FormatError that `function` throws; fails the test for anything else.
template <typename Function>
std::string format_error_of(Function function) {
  try {
    function();
  } catch (const FormatError& error) {
    return error.what();
  } catch (const std::exception& error) {
    FAIL_CHECK("expected FormatError, got another: " << error.what());
    return {};
  }
  FAIL_CHECK("expected FormatError, got none");
  return {};
}

template <typename Function>
void expect_format_error(const std::string& telling, Function function) {
  const std::string message = format_error_of(function);
  CAPTURE(message);
  CHECK(message.find(telling) != std::string::npos);
}

}  // namespace pyseq::testing
