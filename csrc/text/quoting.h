// How error messages show names and texts that came from a caller or a file.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pyseq {

/// The text, or its first code points (at most `longest` bytes) and "...".
std::string shortened(std::string_view text, std::size_t longest);
/// In single quotes, cut when very long.
std::string in_quotes(std::string_view text);

}  // namespace pyseq
