// What the kernel tests share: every tier in turn, buffers with a forbidden page behind them, random numbers.
#pragma once

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "kernels/dispatch.h"
#include "pyseq/runtime.h"

namespace pyseq {

inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
inline constexpr float kInf = std::numeric_limits<float>::infinity();

/// Runs test(table) with every tier that this machine has.
template <typename Test>
void for_each_tier(Test test) {
  for (const std::string& isa : available_isas()) {
    CAPTURE(isa);
    set_isa(isa);
    test(kernels());
  }
  set_isa(available_isas().back());
}

/// `size` values that end where an inaccessible page starts: reading or writing behind them ends the test.
class Buffer {
 public:
  explicit Buffer(std::int64_t size, float value = 0.0F) : size_(size) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t bytes = static_cast<std::size_t>(size) * sizeof(float);
    mapped_ = (bytes + page - 1) / page * page + page;
    memory_ = static_cast<char*>(mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    REQUIRE(memory_ != MAP_FAILED);
    REQUIRE(mprotect(memory_ + mapped_ - page, page, PROT_NONE) == 0);
    data_ = reinterpret_cast<float*>(memory_ + mapped_ - page - bytes);
    std::fill_n(data_, size_, value);
  }
  Buffer(std::initializer_list<float> values) : Buffer(std::vector<float>(values)) {}
  explicit Buffer(const std::vector<float>& values) : Buffer(static_cast<std::int64_t>(values.size())) {
    std::copy(values.begin(), values.end(), data_);
  }
  Buffer(const Buffer& other) : Buffer(other.size_) { std::copy_n(other.data_, size_, data_); }
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { munmap(memory_, mapped_); }

  float* data() { return data_; }
  const float* data() const { return data_; }
  std::int64_t size() const { return size_; }
  float& operator[](std::int64_t i) { return data_[i]; }
  const float& operator[](std::int64_t i) const { return data_[i]; }

 private:
  std::int64_t size_;
  std::size_t mapped_ = 0;
  char* memory_ = nullptr;
  float* data_ = nullptr;
};

inline Buffer random_values(std::int64_t size, unsigned seed, float low = -1.0F, float high = 1.0F) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> distribution(low, high);
  Buffer values(size);
  for (std::int64_t i = 0; i < size; ++i) values[i] = distribution(generator);
  return values;
}

inline bool same_bits(const float* a, const float* b, std::int64_t n) {
  return std::memcmp(a, b, static_cast<std::size_t>(n) * sizeof(float)) == 0;
}
inline bool same_bits(const Buffer& a, const Buffer& b) {
  return a.size() == b.size() && same_bits(a.data(), b.data(), a.size());
}

/// Largest |got - expected| / (1 + |expected|).
inline double largest_error(const Buffer& got, const std::vector<double>& expected) {
  REQUIRE(got.size() == static_cast<std::int64_t>(expected.size()));
  double largest = 0.0;
  for (std::int64_t i = 0; i < got.size(); ++i) {
    const double reference = expected[static_cast<std::size_t>(i)];
    const double error = std::abs(got[i] - reference) / (1.0 + std::abs(reference));
    if (!(error <= largest)) largest = error;  // NaN counts as an error
  }
  return largest;
}

// The functions in float64.
inline double sigmoid(double x) {
  return 1.0 / (1.0 + std::exp(-x));
}
inline double activated(Activation activation, double x) {
  switch (activation) {
    case Activation::none:
      return x;
    case Activation::relu:
      return x > 0.0 ? x : 0.0;
    case Activation::gelu:
      return 0.5 * x * (1.0 + std::erf(x / std::sqrt(2.0)));
    case Activation::gelu_tanh:
      return 0.5 * x * (1.0 + std::tanh(std::sqrt(2.0 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
    case Activation::tanh:
      return std::tanh(x);
    case Activation::sigmoid:
      return sigmoid(x);
    case Activation::silu:
      return x * sigmoid(x);
  }
  return kNan;
}
inline constexpr Activation kActivations[] = {Activation::none,      Activation::relu, Activation::gelu,
                                              Activation::gelu_tanh, Activation::tanh, Activation::sigmoid,
                                              Activation::silu};

}  // namespace pyseq
