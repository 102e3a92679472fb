#include "embeddings/subword_ngrams.h"

#include <string>

namespace pyseq {
namespace {

bool continues_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

}  // namespace

std::vector<std::int32_t> subword_buckets(std::string_view word, int min_n, int max_n, std::int64_t buckets) {
  std::vector<std::int32_t> found;
  if (buckets <= 0 || max_n <= 0) return found;
  const std::string marked = "<" + std::string(word) + ">";
  for (std::size_t begin = 0; begin < marked.size(); ++begin) {
    if (continues_character(marked[begin])) continue;
    std::uint32_t hash = 2166136261U;
    std::size_t end = begin;
    for (int n = 1; n <= max_n && end < marked.size(); ++n) {
      do {
        hash = (hash ^ static_cast<std::uint32_t>(static_cast<std::int8_t>(marked[end]))) * 16777619U;
        ++end;
      } while (end < marked.size() && continues_character(marked[end]));
      const bool is_lone_mark = n == 1 && (begin == 0 || end == marked.size());
      if (n >= min_n && !is_lone_mark)
        found.push_back(static_cast<std::int32_t>(hash % static_cast<std::uint64_t>(buckets)));
    }
  }
  return found;
}

}  // namespace pyseq
