// What the op tests share: ops by name, random tensors, comparison of bits and with float64, thread counts, slices.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/packing.h"
#include "ops/registry.h"
#include "pyseq/runtime.h"
#include "pyseq/tensor.h"

namespace pyseq::testing {

inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

using NamedAttrs = std::vector<std::pair<std::string, AttrValue>>;

struct RunArgs {
  NamedAttrs attrs = {};
  KvCache* cache = nullptr;
  bool want_optional = false;
  RunLimits limits = {};
  std::string label = {};
};

inline std::vector<Tensor> run(std::string_view name, const std::vector<Tensor>& inputs, const RunArgs& args = {}) {
  const OpDef& op = find_op(name);
  const std::string label = args.label.empty() ? std::string(name) : args.label;
  const Attrs attrs = normalize_attrs(op, args.attrs, label);
  std::vector<KvCache*> caches;
  if (args.cache != nullptr) caches.push_back(args.cache);
  const bool all[] = {args.want_optional, args.want_optional, args.want_optional, args.want_optional};
  const auto optional =
      std::count_if(op.outputs.begin(), op.outputs.end(), [](const OutputDef& y) { return y.optional; });
  const std::span<const bool> want(all, static_cast<std::size_t>(optional));
  return run_op(op, inputs, caches, attrs, want, args.limits, label);
}

inline Tensor run_one(std::string_view name, const std::vector<Tensor>& inputs, const NamedAttrs& attrs = {}) {
  return run(name, inputs, {.attrs = attrs})[0];
}

/// What `call` throws, as "<class>: <sentence>" for the classes that ops throw.
template <typename Call>
std::string error_of(Call call) {
  try {
    call();
  } catch (const ShapeError& error) {
    return std::string("ShapeError: ") + error.what();
  } catch (const DTypeError& error) {
    return std::string("DTypeError: ") + error.what();
  } catch (const IndexError& error) {
    return std::string("IndexError: ") + error.what();
  } catch (const ValueError& error) {
    return std::string("ValueError: ") + error.what();
  } catch (const UnsupportedError& error) {
    return std::string("UnsupportedError: ") + error.what();
  }
  return "nothing";
}

// ---- tensors

inline Tensor random(const Shape& shape, unsigned seed, float low = -1.0F, float high = 1.0F) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> distribution(low, high);
  Tensor tensor = Tensor::empty(DType::float32, shape);
  float* values = tensor.mutable_data<float>();
  for (std::int64_t i = 0; i < tensor.num_elements(); ++i) values[i] = distribution(generator);
  return tensor;
}

inline Tensor integers(std::initializer_list<std::int64_t> values) {
  return Tensor::from<std::int64_t>({static_cast<std::int64_t>(values.size())}, values);
}
inline Tensor integers(const std::vector<std::int64_t>& values) {
  return Tensor::from<std::int64_t>({static_cast<std::int64_t>(values.size())}, std::span(values));
}

/// x[:, :time], copied.
inline Tensor first_steps(const Tensor& x, std::int64_t time) {
  return run_one("slice", {x}, {{"axis", std::int64_t{1}}, {"begin", std::int64_t{0}}, {"end", time}});
}
/// x[:, t], copied.
inline Tensor step_of(const Tensor& x, std::int64_t t) {
  const Tensor slice = run_one("slice", {x}, {{"axis", std::int64_t{1}}, {"begin", t}, {"end", t + 1}});
  return slice.reshaped({x.size(0), x.size(2)});
}

/// NaN at the steps of x [batch, time, ...] beyond the lengths: a result that padding reaches shows it.
inline Tensor with_nan_padding(const Tensor& x, const std::vector<std::int64_t>& lengths) {
  Tensor padded = x.copy();
  const std::int64_t time = x.size(1), width = x.num_elements() / (x.size(0) * time);
  for (std::int64_t row = 0; row < x.size(0); ++row) {
    const std::int64_t length = lengths[static_cast<std::size_t>(row)];
    std::fill_n(padded.mutable_data<float>() + (row * time + length) * width, (time - length) * width, kNan);
  }
  return padded;
}

// ---- comparison

inline bool same_bits(const Tensor& a, const Tensor& b) {
  return a.defined() == b.defined() && a.dtype() == b.dtype() && a.shape() == b.shape() &&
         (a.num_bytes() == 0 || std::memcmp(a.raw(), b.raw(), a.num_bytes()) == 0);
}
inline bool same_bits(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](const Tensor& x, const Tensor& y) {
           return (!x.defined() && !y.defined()) || same_bits(x, y);
         });
}

/// Largest |got - expected| / (1 + |expected|); NaN counts as an error.
inline double largest_error(const Tensor& got, const std::vector<double>& expected) {
  REQUIRE(got.num_elements() == static_cast<std::int64_t>(expected.size()));
  const auto values = got.values<float>();
  double largest = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double error = std::abs(values[i] - expected[i]) / (1.0 + std::abs(expected[i]));
    if (!(error <= largest)) largest = error;
  }
  return largest;
}

/// The same bits with 1, 2, 3, 5 and 8 threads. Returns what they are.
template <typename Call>
std::vector<Tensor> same_for_all_thread_counts(Call call) {
  const int before = num_threads();
  set_num_threads(1);
  const std::vector<Tensor> expected = call();
  for (const int threads : {2, 3, 5, 8}) {
    CAPTURE(threads);
    set_num_threads(threads);
    CHECK(same_bits(call(), expected));
  }
  set_num_threads(before);
  return expected;
}

}  // namespace pyseq::testing
