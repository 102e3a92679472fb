// Character n-grams of words, numbered as fastText numbers them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace pyseq {

/// Buckets of the n-grams of "<word>", of min_n to max_n characters (Bojanowski et al. 2017): FNV-1a of the UTF-8 bytes
/// (taken as signed, as fastText does), modulo buckets. A lone "<" or ">" is no n-gram.
std::vector<std::int32_t> subword_buckets(std::string_view word, int min_n, int max_n, std::int64_t buckets);

}  // namespace pyseq
