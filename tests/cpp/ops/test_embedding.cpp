#include "fixture.h"

namespace pyseq::testing {
namespace {

TEST_CASE("embedding: rows of the table, packed = row-major") {
  for (const std::int64_t count : {1, 16, 17, 32, 33, 70}) {
    CAPTURE(count);
    const std::int64_t width = 21;
    const Tensor weight = random({count, width}, 1);
    std::vector<std::int64_t> ids;
    for (std::int64_t i = 0; i < 3 * count; ++i) ids.push_back((i * 7) % count);
    const Tensor y = run_one("embedding", {integers(ids), weight}, {{"scale", 1.5}});
    for (std::size_t i = 0; i < ids.size(); ++i) {
      for (std::int64_t k = 0; k < width; ++k) {
        const float expected = weight.data<float>()[ids[i] * width + k] * 1.5F;
        REQUIRE(y.data<float>()[static_cast<std::int64_t>(i) * width + k] == expected);
      }
    }
    CHECK(same_bits(run_one("embedding", {integers(ids), pack_weight(weight)}, {{"scale", 1.5}}), y));
    for (const DType storage : {DType::bfloat16, DType::int8}) {
      const Tensor packed = pack_weight(weight, 1, storage);
      const Tensor expected = run_one("embedding", {integers(ids), unpack_weight(packed)}, {{"scale", 1.5}});
      CHECK(same_bits(run_one("embedding", {integers(ids), packed}, {{"scale", 1.5}}), expected));
    }
  }
}

TEST_CASE("embedding: many rows on many threads, shapes of ids, nothing to look up") {
  const Tensor weight = random({50, 300}, 1);
  std::vector<std::int64_t> ids(600);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int64_t>(i * i % 50);
  same_for_all_thread_counts([&] { return run("embedding", {integers(ids).reshaped({20, 30}), weight}); });
  CHECK(run_one("embedding", {integers(ids).reshaped({20, 30}), weight}).shape() == Shape{20, 30, 300});
  CHECK(run_one("embedding", {integers({}).reshaped({0, 4}), weight}).shape() == Shape{0, 4, 300});
  CHECK(run_one("embedding", {integers({}).reshaped({3, 0}), weight}).shape() == Shape{3, 0, 300});
  CHECK(run_one("embedding", {integers({7}).reshaped({}), weight}).shape() == Shape{300});
}

TEST_CASE("embedding: errors") {
  const Tensor weight = random({5, 4}, 1);
  const auto error = [&](const Tensor& ids, const NamedAttrs& attrs = {}) {
    return error_of([&] { run("embedding", {ids, weight}, {.attrs = attrs}); });
  };
  CHECK(error(integers({0, 5})) == "IndexError: embedding: ids has 5, expected an index into the 5 rows of weight");
  CHECK(error(integers({-1})) == "IndexError: embedding: ids has -1, expected an index into the 5 rows of weight");
  CHECK(error(random({2}, 1)) == "DTypeError: embedding: ids has dtype float32, expected int64");
  CHECK(error(integers({1}), {{"scale", static_cast<double>(kNan)}}) ==
        "ValueError: embedding: scale has nan, expected a finite number");
}

}  // namespace
}  // namespace pyseq::testing
