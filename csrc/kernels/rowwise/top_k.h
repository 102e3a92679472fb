// top_k: the k largest values of each row in descending order and where they stand. A scan compares whole vectors with
// the smallest of the k largest so far, which stand in a heap; after the first values hardly any vector has one above
// it. Equal values rank by their place, the first one highest; NaN ranks above every number.
#pragma once

#include "kernels/rowwise/args.h"
#include "kernels/vector/vec.h"

namespace pyseq {
namespace {

/// Integers in the order of the values: NaN above all, -0 as +0.
inline std::int32_t rank_of(float value) {
  if (value != value) return 0x7FFFFFFF;
  const std::int32_t pattern = __builtin_bit_cast(std::int32_t, value + 0.0F);
  return pattern ^ ((pattern >> 31) & 0x7FFFFFFF);
}

/// The k best so far: a heap whose root is the worst of them.
struct TopHeap {
  std::int64_t size;
  float* values;
  std::int64_t* places;
};

inline bool is_worse(const TopHeap& heap, std::int64_t a, std::int64_t b) {
  const std::int32_t rank_a = rank_of(heap.values[a]), rank_b = rank_of(heap.values[b]);
  return rank_a != rank_b ? rank_a < rank_b : heap.places[a] > heap.places[b];
}

inline void swap_entries(const TopHeap& heap, std::int64_t a, std::int64_t b) {
  const float value = heap.values[a];
  const std::int64_t place = heap.places[a];
  heap.values[a] = heap.values[b];
  heap.places[a] = heap.places[b];
  heap.values[b] = value;
  heap.places[b] = place;
}

inline void sift_down(const TopHeap& heap, std::int64_t node) {
  while (true) {
    std::int64_t child = 2 * node + 1;
    if (child >= heap.size) return;
    if (child + 1 < heap.size && is_worse(heap, child + 1, child)) ++child;
    if (!is_worse(heap, child, node)) return;
    swap_entries(heap, child, node);
    node = child;
  }
}

/// Offers the lanes in `mask`, whose first one is x[first].
inline void offer(const TopHeap& heap, const float* x, std::int64_t first, unsigned mask) {
  for (; mask != 0; mask &= mask - 1) {
    const std::int64_t place = first + __builtin_ctz(mask);
    if (rank_of(x[place]) <= rank_of(heap.values[0])) continue;  // an equal value stands further back
    heap.values[0] = x[place];
    heap.places[0] = place;
    sift_down(heap, 0);
  }
}

/// Lanes that are not at most `bound`: larger ones and NaN.
inline Int beyond(const float* x, Float bound) {
  return ~(load(x) <= bound);
}

inline void scan_row(const TopHeap& heap, std::int64_t n, const float* x) {
  constexpr int kTogether = 4;
  std::int64_t i = heap.size;
  for (; i + kTogether * kLanes <= n; i += kTogether * kLanes) {
    const Float bound = broadcast(heap.values[0]);
    Int any = beyond(x + i, bound);
#pragma GCC unroll 4
    for (int part = 1; part < kTogether; ++part) any |= beyond(x + i + part * kLanes, bound);
    if (mask_of(any) == 0) continue;
    for (int part = 0; part < kTogether; ++part) {
      offer(heap, x, i + part * kLanes, mask_of(beyond(x + i + part * kLanes, broadcast(heap.values[0]))));
    }
  }
  for (; i < n; ++i) offer(heap, x, i, 1);
}

void top_k_f32(const TopKF32* args) {
  const std::int64_t k = args->k;
  for (std::int64_t r = 0; r < args->rows; ++r) {
    const float* x = args->x + r * args->columns;
    TopHeap heap{k, args->values + r * k, args->indices + r * k};
    for (std::int64_t i = 0; i < k; ++i) {
      heap.values[i] = x[i];
      heap.places[i] = i;
    }
    for (std::int64_t node = k / 2; node-- > 0;) sift_down(heap, node);
    scan_row(heap, args->columns, x);
    while (heap.size > 1) {  // the worst one goes to the end
      --heap.size;
      swap_entries(heap, 0, heap.size);
      sift_down(heap, 0);
    }
  }
}

}  // namespace
}  // namespace pyseq
