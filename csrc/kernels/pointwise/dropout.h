// Dropout: y = x / (1 - p) where a random mask keeps, 0 elsewhere. The mask is a function of seed, stream, step and the
// number of the element alone: the same for every tier and however the work is cut.
#pragma once

#include "kernels/pointwise/args.h"
#include "kernels/vector/philox.h"
#include "kernels/vector/row.h"

namespace pyseq {
namespace {

// 16 blocks of 4 words make the masks of 64 elements; words are taken as they stand in vectors of any tier.
constexpr int kBlocksPerGroup = 16;
constexpr std::int64_t kElementsPerGroup = 4 * kBlocksPerGroup;

/// each(place, words) for the vectors of words of a group, [4][16] in memory.
template <typename Each>
inline void for_words(const PhiloxSource& source, std::uint64_t first_block, Each each) {
#pragma GCC unroll 4
  for (int part = 0; part < kBlocksPerGroup; part += kLanes) {
    Int words[4];
    philox(source.seed, source.step, source.stream, first_block + static_cast<std::uint64_t>(part), words);
#pragma GCC unroll 4
    for (int w = 0; w < 4; ++w) each(w * kBlocksPerGroup + part, words[w]);
  }
}

void philox_words(const PhiloxWords* args) {
  for_words(args->source, args->first_block, [=](int place, Int words) { store_bits(args->words + place, words); });
}

/// keep [64] = -1 or 0 for the elements of a group. Words are unsigned: their order is that of signed numbers after
/// the uppermost bit has been turned.
inline void keep_group(const DropoutF32& args, std::int64_t group, std::int32_t* keep) {
  const Int upper = broadcast(static_cast<std::int32_t>(0x80000000U));
  const Int threshold = broadcast(static_cast<std::int32_t>(args.threshold)) ^ upper;
  for_words(args.source, static_cast<std::uint64_t>(group) * kBlocksPerGroup,
            [=](int place, Int words) { store_bits(keep + place, (words ^ upper) >= threshold); });
}

/// Calls each(element, count, keep) for runs of elements first, ..., first + count - 1 of the mask. Vectors may be
/// loaded from any place of keep.
template <typename Each>
inline void for_masks(const DropoutF32& args, Each each) {
  std::int32_t keep[kElementsPerGroup + kLanes] = {};
  const std::int64_t end = args.first + args.count;
  for (std::int64_t begin = args.first; begin < end;) {
    const std::int64_t group = begin / kElementsPerGroup, next = (group + 1) * kElementsPerGroup;
    const std::int64_t stop = next < end ? next : end;
    keep_group(args, group, keep);
    each(begin - args.first, stop - begin, keep + begin % kElementsPerGroup);
    begin = stop;
  }
}

void dropout_f32(const DropoutF32* pointer) {
  const DropoutF32& args = *pointer;
  for_masks(args, [&](std::int64_t element, std::int64_t n, const std::int32_t* keep) {
    for (std::int64_t row = 0; row < args.shared; ++row) {
      const float* x = args.x + row * args.stride + element;
      float* y = args.y + row * args.stride + element;
      for_row(n, [=, &args](std::int64_t i, std::int64_t count) {
        store(y + i, select(load_bits(keep + i), load(x + i, count) * args.scale, Float{}), count);
      });
    }
  });
}

void dropout_runs_f32(const DropoutF32* pointer) {
  const DropoutF32& args = *pointer;
  for_masks(args, [&](std::int64_t element, std::int64_t n, const std::int32_t* keep) {
    for (std::int64_t i = 0; i < n; ++i) {
      const std::int64_t at = (element + i) * args.shared;
      const Int mask = broadcast(keep[i]);
      for_row(args.shared, [=, &args](std::int64_t j, std::int64_t count) {
        store(args.y + at + j, select(mask, load(args.x + at + j, count) * args.scale, Float{}), count);
      });
    }
  });
}

}  // namespace
}  // namespace pyseq
