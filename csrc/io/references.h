// References of a program file ("%3", "w:name", "s:name", "rows", null) and dimension expressions over them.
#pragma once

#include <string>
#include <string_view>

#include "io/json_reader.h"
#include "io/symbols.h"

namespace pyseq {

/// Resolves what stands in one function. Only bodies (functions that are not public) may not touch state.
class ReferenceReader {
 public:
  ReferenceReader(const Symbols& symbols, bool is_public) : symbols_(symbols), is_public_(is_public) {}

  int num_values() const { return num_values_; }
  /// The number of the next value of the function; references may use it from now on.
  int define_value() { return num_values_++; }

  /// Anything, null included. `what` names the reference in messages.
  ValueRef read(const Json& value, std::string_view where, std::string_view what) const;
  /// A reference to a tensor: neither null nor a cache.
  ValueRef read_tensor(const Json& value, std::string_view where, std::string_view what) const;
  /// The index of a state.
  int read_state(std::string_view name, std::string_view where) const;
  /// E of {"dim": E}.
  DimExpr read_dim(const Json& value, std::string_view where) const { return read_dim(value, where, 1); }

  bool is_cache(const ValueRef& reference) const;

 private:
  ValueRef resolve(const std::string& text, std::string_view where, std::string_view what) const;
  int read_value_number(std::string_view digits, std::string_view where, std::string_view what) const;
  DimExpr read_dim(const Json& value, std::string_view where, int depth) const;

  const Symbols& symbols_;
  bool is_public_;
  int num_values_ = 0;
};

}  // namespace pyseq
