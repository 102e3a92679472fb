// Philox words and the masks of dropout.
#include <array>

#include "base/philox.h"
#include "fixture.h"

namespace pyseq {
namespace {

std::uint32_t word_of_element(const PhiloxSource& source, std::int64_t element) {
  const auto block = static_cast<std::uint64_t>(16 * (element / 64) + element % 16);
  const auto low = [](std::uint64_t value) { return static_cast<std::uint32_t>(value); };
  const auto high = [](std::uint64_t value) { return static_cast<std::uint32_t>(value >> 32); };
  const PhiloxCounter words =
      philox({low(block), high(block), source.step, source.stream}, {low(source.seed), high(source.seed)});
  return words[static_cast<std::size_t>(element / 16 % 4)];
}

struct KnownAnswer {
  PhiloxSource source;
  std::uint64_t block;
  PhiloxCounter words;
};
// Of Random123 (tests/kat_vectors).
constexpr KnownAnswer kKnown[] = {
    {{0, 0, 0}, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{~std::uint64_t{0}, ~0U, ~0U}, ~std::uint64_t{0}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x299f31d0a4093822, 0x13198a2e, 0x03707344},
     0x85a308d3243f6a88,
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

TEST_CASE("philox: the known answers, and what the blocks around them give") {
  for_each_tier([](const KernelTable& table) {
    for (const auto& [source, block, known] : kKnown) {
      for (std::uint64_t lane = 0; lane < 16; ++lane) {  // the known block in every lane
        CAPTURE(lane);
        std::array<std::uint32_t, 64> words{};
        const PhiloxWords args{source, block - lane, words.data()};
        table.philox_words(&args);
        for (std::size_t w = 0; w < 4; ++w) CHECK(words[16 * w + lane] == known[w]);
      }
    }
  });
}

TEST_CASE("dropout keeps what the words of its elements say, wherever a run begins and ends") {
  const PhiloxSource source{.seed = 0x123456789abcdef0, .step = 3, .stream = 0xfffffff0};
  const std::uint32_t threshold = 0x60000000;
  for_each_tier([&](const KernelTable& table) {
    for (const std::int64_t first : {std::int64_t{0}, std::int64_t{5}, std::int64_t{63}, std::int64_t{1} << 38}) {
      for (const std::int64_t count : {0, 1, 2, 15, 17, 59, 64, 130}) {
        CAPTURE(first);
        CAPTURE(count);
        const Buffer x = random_values(count, 3);
        Buffer y(count, kNan);
        const DropoutF32 args{source, threshold, 1.5F, first, count, 1, count, x.data(), y.data()};
        table.dropout_f32(&args);
        for (std::int64_t i = 0; i < count; ++i) {
          CHECK(y[i] == (word_of_element(source, first + i) >= threshold ? 1.5F * x[i] : 0.0F));
        }
      }
    }
  });
}

TEST_CASE("dropout with shared masks: the same for all rows, or for runs of values") {
  const PhiloxSource source{.seed = 9, .step = 0, .stream = 1};
  const std::uint32_t threshold = 0x80000000;
  constexpr std::int64_t kFirst = 50, kCount = 40, kShared = 37;
  const Buffer x = random_values(kCount * kShared, 4);
  for_each_tier([&](const KernelTable& table) {
    Buffer y(kCount * kShared, kNan);
    DropoutF32 args{source, threshold, 2.0F, kFirst, kCount, kShared, kCount, x.data(), y.data()};
    const auto expected = [&](std::int64_t element, std::int64_t at) {
      return word_of_element(source, kFirst + element) >= threshold ? 2.0F * x[at] : 0.0F;
    };
    table.dropout_f32(&args);
    for (std::int64_t i = 0; i < kCount * kShared; ++i) CHECK(y[i] == expected(i % kCount, i));
    table.dropout_runs_f32(&args);
    for (std::int64_t i = 0; i < kCount * kShared; ++i) CHECK(y[i] == expected(i / kShared, i));
  });
}

}  // namespace
}  // namespace pyseq
