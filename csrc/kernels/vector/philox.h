// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011): random words as a function of a
// key and a counter, as many blocks at a time as there are lanes.
//
// A round multiplies 32 bits by 32 bits to 64, so words live in the lower halves of 64-bit lanes: one vector for the
// even blocks and one for the odd ones. What is left in the upper halves is never read.
#pragma once

#include "kernels/vector/vec.h"

namespace pyseq {
namespace {

struct PhiloxBlocks {
  Wide word[4];
};

inline PhiloxBlocks philox_round(const PhiloxBlocks& in, std::uint32_t key0, std::uint32_t key1) {
  const Wide product0 = multiply_lower(in.word[0], broadcast(std::uint64_t{0xD2511F53}));
  const Wide product1 = multiply_lower(in.word[2], broadcast(std::uint64_t{0xCD9E8D57}));
  return {{(product1 >> 32) ^ in.word[1] ^ broadcast(std::uint64_t{key0}), product1,
           (product0 >> 32) ^ in.word[3] ^ broadcast(std::uint64_t{key1}), product0}};
}

/// words[w] = word w of the blocks first, ..., first + kLanes - 1 with the counter (block: 64 bits, step, stream).
inline void philox(std::uint64_t seed, std::uint32_t step, std::uint32_t stream, std::uint64_t first, Int* words) {
  Wide block{};
#pragma GCC unroll 8
  for (int lane = 0; lane < kLanes / 2; ++lane) block[lane] = first + 2 * static_cast<std::uint64_t>(lane);
  const auto blocks_from = [=](Wide number) {
    return PhiloxBlocks{{number, number >> 32, broadcast(std::uint64_t{step}), broadcast(std::uint64_t{stream})}};
  };
  PhiloxBlocks even = blocks_from(block), odd = blocks_from(block + broadcast(std::uint64_t{1}));
  auto key0 = static_cast<std::uint32_t>(seed), key1 = static_cast<std::uint32_t>(seed >> 32);
#pragma GCC unroll 10
  for (int round = 0; round < 10; ++round) {
    even = philox_round(even, key0, key1);
    odd = philox_round(odd, key0, key1);
    key0 += 0x9E3779B9U;
    key1 += 0xBB67AE85U;
  }
#pragma GCC unroll 4
  for (int w = 0; w < 4; ++w) words[w] = interleave_lower(even.word[w], odd.word[w]);
}

}  // namespace
}  // namespace pyseq
