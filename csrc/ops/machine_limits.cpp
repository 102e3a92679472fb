#include "ops/machine_limits.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "kernels/dispatch.h"
#include "pyseq/runtime.h"

namespace pyseq {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kSampleSeconds = 2e-3;  // long beside the barrier, short beside a time slice
constexpr int kLeastSamples = 5;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

using Work = std::function<double(int thread, std::int64_t repeats)>;

/// Does the work on `threads` threads at once: units per second, from the first start to the last end. The threads are
/// its own, as workers that come late may be left out of a parallel region, and all of them must be there.
class Sample {
 public:
  Sample(int threads, std::int64_t repeats, const Work& work) : parts_(threads) {
    std::vector<std::thread> others;
    others.reserve(parts_.size());
    try {
      for (int thread = 1; thread < threads; ++thread) {
        others.emplace_back([&, thread] { run(thread, repeats, work); });
      }
    } catch (const std::system_error&) {
      present_.store(threads, std::memory_order_relaxed);  // lets those go that wait
      for (std::thread& other : others) other.join();
      throw Error("measuring: " + std::to_string(threads) + " threads cannot be started");
    }
    run(0, repeats, work);
    for (std::thread& other : others) other.join();
  }

  double seconds() const {
    const auto by_start = [](const Part& a, const Part& b) { return a.start < b.start; };
    const auto by_end = [](const Part& a, const Part& b) { return a.end < b.end; };
    const auto start = std::min_element(parts_.begin(), parts_.end(), by_start)->start;
    const auto end = std::max_element(parts_.begin(), parts_.end(), by_end)->end;
    return std::chrono::duration<double>(end - start).count();
  }
  double rate() const {
    double units = 0;
    for (const Part& part : parts_) units += part.units;
    return units / seconds();
  }

 private:
  struct Part {
    Clock::time_point start, end;
    double units = 0;
  };

  void run(int thread, std::int64_t repeats, const Work& work) {
    present_.fetch_add(1, std::memory_order_relaxed);
    while (present_.load(std::memory_order_relaxed) < static_cast<int>(parts_.size())) std::this_thread::yield();
    Part& part = parts_[thread];
    part.start = Clock::now();
    part.units = work(thread, repeats);
    part.end = Clock::now();
  }

  std::vector<Part> parts_;
  std::atomic<int> present_{0};
};

/// The best rate of several samples.
double measure_rate(double seconds, const Work& work) {
  const int threads = num_threads();
  std::int64_t repeats = 1;
  while (Sample(threads, repeats, work).seconds() < kSampleSeconds) repeats *= 2;
  double best = 0;
  const Clock::time_point start = Clock::now();
  for (int samples = 0; samples < kLeastSamples || seconds_since(start) < seconds; ++samples) {
    best = std::max(best, Sample(threads, repeats, work).rate());
  }
  return best;
}

void (*peak_kernel(DType dtype))(const PeakLoop*) {
  switch (dtype) {
    case DType::float32:
      return kernels().peak_f32;
    case DType::bfloat16:
      return kernels().peak_bf16;
    case DType::int8:
      return kernels().peak_int8;
    default:
      throw ValueError(std::string("measure_peak: dtype is ") + dtype_name(dtype) +
                       ", expected float32, bfloat16 or int8");
  }
}

}  // namespace

double measure_peak(DType dtype, double seconds) {
  constexpr std::int64_t kSteps = 10000;
  const auto kernel = peak_kernel(dtype);
  return measure_rate(seconds, [&](int, std::int64_t repeats) {
    std::int64_t operations = 0;
    float sink = 0;
    const PeakLoop loop{kSteps * repeats, &operations, &sink};
    kernel(&loop);
    return static_cast<double>(operations);
  });
}

double measure_read_bandwidth(std::size_t bytes_per_thread, double seconds) {
  constexpr std::size_t kLeast = 4 << 10, kMost = std::size_t{4} << 30;
  if (bytes_per_thread < kLeast || bytes_per_thread > kMost) {
    throw ValueError("measure_read_bandwidth: bytes_per_thread is " + std::to_string(bytes_per_thread) +
                     ", expected 4 KiB to 4 GiB");
  }
  const auto values = static_cast<std::int64_t>(bytes_per_thread / kLeast * kLeast / sizeof(float));
  const auto bytes = static_cast<double>(values) * sizeof(float);
  std::vector<Tensor> data;
  for (int thread = 0; thread < num_threads(); ++thread) data.push_back(Tensor::zeros(DType::float32, {values}));
  return measure_rate(seconds, [&](int thread, std::int64_t repeats) {
    float sink = 0;
    const ReadLoop loop{values, repeats, data[thread].data<float>(), &sink};
    kernels().read_f32(&loop);
    return bytes * static_cast<double>(repeats);
  });
}

}  // namespace pyseq
