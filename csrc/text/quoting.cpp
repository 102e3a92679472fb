#include "text/quoting.h"

#include <algorithm>

#include "text/utf8.h"

namespace pyseq {

std::string shortened(std::string_view text, std::size_t longest) {
  if (text.size() <= longest) return std::string(text);
  std::size_t end = 0;
  while (true) {
    const std::size_t bytes = std::max<std::size_t>(decode_code_point(text, end).bytes, 1);
    if (end + bytes > longest) return std::string(text.substr(0, end)) + "...";
    end += bytes;
  }
}

std::string in_quotes(std::string_view text) {
  return "'" + shortened(text, 100) + "'";
}

}  // namespace pyseq
