#include <doctest/doctest.h>

#include "base/philox.h"

using namespace pyseq;

// The known answers that come with the authors' library.
TEST_CASE("philox gives the known answers") {
  CHECK(philox({0, 0, 0, 0}, {0, 0}) == PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  constexpr std::uint32_t kOnes = 0xffffffff;
  CHECK(philox({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}) ==
        PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("uniform numbers fill the unit interval and depend on every part of their place") {
  double sum = 0;
  for (std::uint64_t step = 0; step < 10000; ++step) {
    const double value = philox_uniform(1, 2, step);
    REQUIRE(value >= 0);
    REQUIRE(value < 1);
    sum += value;
  }
  CHECK(sum / 10000 == doctest::Approx(0.5).epsilon(0.02));
  CHECK(philox_uniform(1, 2, 3) != philox_uniform(2, 2, 3));
  CHECK(philox_uniform(1, 2, 3) != philox_uniform(1, 3, 3));
  CHECK(philox_uniform(1, 2, 3) != philox_uniform(1, 2, 4));
}
