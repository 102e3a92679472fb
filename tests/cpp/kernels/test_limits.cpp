// The loops that measure the machine: they do as much as they say.
#include "fixture.h"

namespace pyseq {
namespace {

TEST_CASE("peak loops count their operations and depend on all of them") {
  for_each_tier([](const KernelTable& table) {
    for (const auto kernel : {table.peak_f32, table.peak_bf16, table.peak_int8}) {
      std::int64_t once = 0, often = 0;
      float first = 0, last = 0;
      const PeakLoop short_loop{1, &once, &first}, long_loop{10, &often, &last};
      kernel(&short_loop);
      kernel(&long_loop);
      CHECK(once > 0);
      CHECK(often == 10 * once);
      CHECK(std::isfinite(last));
      CHECK(last > first);
    }
  });
}

TEST_CASE("dot products add every product") {
  for_each_tier([](const KernelTable& table) {
    for (const auto kernel : {table.peak_bf16, table.peak_int8}) {
      std::int64_t operations = 0;
      float sum = 0;
      const PeakLoop loop{7, &operations, &sum};  // of ones: a multiply and an add each
      kernel(&loop);
      CHECK(sum == static_cast<float>(operations) / 2);
    }
  });
}

TEST_CASE("the read loop reads every value in every pass, and nothing beyond") {
  constexpr std::int64_t kValues = 2048;
  Buffer data(kValues);
  for (std::int64_t i = 0; i < kValues; ++i) data.data()[i] = static_cast<float>(i % 17);
  double expected = 0;
  for (std::int64_t i = 0; i < kValues; ++i) expected += data.data()[i];
  for_each_tier([&](const KernelTable& table) {
    float sum = 0;
    const ReadLoop loop{kValues, 3, data.data(), &sum};
    table.read_f32(&loop);
    CHECK(sum == 3 * expected);
  });
}

}  // namespace
}  // namespace pyseq
