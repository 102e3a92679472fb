// Peak arithmetic: as many independent chains as hide the latency of an instruction, in registers. Read bandwidth: sums
// of consecutive vectors, in as many chains.
#pragma once

#include "kernels/limits/args.h"
#include "kernels/vector/vec.h"

namespace pyseq {
namespace {

constexpr int kChains = 12;  // hides a latency of 6 on two units, and leaves registers for the operands on every tier
constexpr int kReadChains = 8;

/// The compiler may not know what the value is, and so moves nothing that depends on it out of a loop.
template <typename V>
inline void hide(V& value) {
#if defined(__AVX512F__)
  asm volatile("" : "+v"(value));
#elif defined(__x86_64__)
  asm volatile("" : "+x"(value));
#else
  asm volatile("" : "+w"(value));
#endif
}

inline Float as_float(Float v) {
  return v;
}
inline Float as_float(Int v) {
  return to_float(v);
}

/// step(sum, a, b) in every chain. `b` is new in every step; the chains share one `a`, or have one each (`kOperands`)
/// where the product of a and b would otherwise be computed once for all of them.
template <int kOperands, typename Sum, typename Operand, typename Step>
inline void run_chains(const PeakLoop* loop, Operand value, std::int64_t operations_per_lane, Step step) {
  Sum sums[kChains];
#pragma GCC unroll 16
  for (int chain = 0; chain < kChains; ++chain) sums[chain] = Sum{};
  Operand a[kOperands], b = value;
#pragma GCC unroll 16
  for (int i = 0; i < kOperands; ++i) {
    a[i] = value;
    hide(a[i]);
  }
  for (std::int64_t i = 0; i < loop->steps; ++i) {
    hide(b);
#pragma GCC unroll 16
    for (int chain = 0; chain < kChains; ++chain) {
      sums[chain] = step(sums[chain], a[kOperands == 1 ? 0 : chain], b);
      hide(sums[chain]);
    }
  }
  Float total{};
#pragma GCC unroll 16
  for (int chain = 0; chain < kChains; ++chain) total = total + as_float(sums[chain]);
  *loop->sink = sum_of_lanes(total);
  *loop->operations = loop->steps * kChains * kLanes * operations_per_lane;
}

void peak_f32(const PeakLoop* loop) {
  run_chains<1, Float>(loop, broadcast(0.5f), 2, [](Float sum, Float a, Float b) { return fma(sum, a, b); });
}

void peak_bf16(const PeakLoop* loop) {
  const Int ones = broadcast(std::int32_t{0x3F803F80});
  run_chains<1, Float>(loop, ones, 4, [](Float sum, Int a, Int b) { return dot_bfloat16(sum, a, b); });
}

void peak_int8(const PeakLoop* loop) {
  const Int ones = broadcast(std::int32_t{0x01010101});
  run_chains<kChains, Int>(loop, ones, 8, [](Int sum, Int a, Int b) { return dot_int8(sum, a, b); });
}

void read_f32(const ReadLoop* loop) {
  constexpr std::int64_t kBlock = std::int64_t{kReadChains} * kLanes;
  Float sums[kReadChains];
#pragma GCC unroll 8
  for (int chain = 0; chain < kReadChains; ++chain) sums[chain] = Float{};
  for (std::int64_t pass = 0; pass < loop->passes; ++pass) {
    for (std::int64_t i = 0; i + kBlock <= loop->values; i += kBlock) {
#pragma GCC unroll 8
      for (int chain = 0; chain < kReadChains; ++chain) {
        sums[chain] = sums[chain] + load(loop->data + i + chain * kLanes);
      }
    }
#pragma GCC unroll 8
    for (int chain = 0; chain < kReadChains; ++chain) hide(sums[chain]);
  }
  Float total{};
#pragma GCC unroll 8
  for (int chain = 0; chain < kReadChains; ++chain) total = total + sums[chain];
  *loop->sink = sum_of_lanes(total);
}

}  // namespace
}  // namespace pyseq
