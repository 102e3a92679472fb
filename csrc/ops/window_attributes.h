// Attributes and outputs that the ops over windows have in common.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ops/checks.h"
#include "ops/windows.h"

namespace pyseq {

/// An attribute that lists `count` integers. ValueError: another number of them.
inline const std::vector<std::int64_t>& integers_of(const OpArgs& args, std::string_view name, int attribute,
                                                    std::size_t count) {
  const std::vector<std::int64_t>& values = args.attrs.integers(attribute);
  if (values.size() != count) {
    throw_value(args.label, name, std::to_string(values.size()) + " entries", std::to_string(count));
  }
  return values;
}

/// How many windows every row of the batch has.
inline void write_out_widths(const WindowGrid& grid, Tensor& lengths) {
  for (std::int64_t row = 0; row < grid.batch; ++row) {
    lengths.mutable_data<std::int64_t>()[row] = grid.out_width_of(row);
  }
}

}  // namespace pyseq
