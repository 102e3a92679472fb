#include <bit>
#include <optional>

#include "fixture.h"
#include "ops/kv_cache.h"

namespace pyseq::testing {
namespace {

constexpr std::int64_t kHeads = 2, kHeadDim = 3, kValueDim = 5;

/// The obvious cache: every row has its own list of positions, copied whenever rows are copied.
struct NaiveCache {
  struct Position {
    std::vector<float> key, value;
    friend bool operator==(const Position&, const Position&) = default;
  };
  std::vector<std::vector<Position>> rows;

  void append(const Tensor& key, const Tensor& value, const std::vector<std::int64_t>& lengths) {
    const std::int64_t time = key.size(1);
    for (std::size_t row = 0; row < rows.size(); ++row) {
      for (std::int64_t t = 0; t < (lengths.empty() ? time : lengths[row]); ++t) {
        const std::int64_t at = static_cast<std::int64_t>(row) * time + t;
        const float* k = key.data<float>() + at * kHeads * kHeadDim;
        const float* v = value.data<float>() + at * kHeads * kValueDim;
        rows[row].push_back({{k, k + kHeads * kHeadDim}, {v, v + kHeads * kValueDim}});
      }
    }
  }
  void reorder(const std::vector<std::int64_t>& parents) {
    std::vector<std::vector<Position>> reordered;
    for (const std::int64_t parent : parents) reordered.push_back(rows[static_cast<std::size_t>(parent)]);
    rows = reordered;
  }
  void truncate(std::size_t length) {
    for (auto& row : rows) row.resize(std::min(row.size(), length));
  }
};

/// What the pointers of parts() show, position by position.
NaiveCache contents(const KvCache& cache) {
  NaiveCache naive{std::vector<std::vector<NaiveCache::Position>>(static_cast<std::size_t>(cache.rows()))};
  std::vector<KeyPart> parts;
  for (std::int64_t row = 0; row < cache.rows(); ++row) {
    auto& positions = naive.rows[static_cast<std::size_t>(row)];
    positions.resize(static_cast<std::size_t>(cache.length(row)));
    for (std::int64_t head = 0; head < kHeads; ++head) {
      cache.parts(row, head, parts);
      std::int64_t end = 0;
      for (const KeyPart& part : parts) {
        REQUIRE(part.begin == end);
        REQUIRE(part.begin < part.end);
        REQUIRE(part.begin / 32 == (part.end - 1) / 32);
        end = part.end;
        for (std::int64_t p = part.begin; p < part.end; ++p) {
          NaiveCache::Position& position = positions[static_cast<std::size_t>(p)];
          const float* keys = static_cast<const float*>(part.keys);
          for (std::int64_t i = 0; i < kHeadDim; ++i) position.key.push_back(keys[i * 32 + p % 32]);
          const float* value = static_cast<const float*>(part.values) + p % 32 * cache.value_stride();
          position.value.insert(position.value.end(), value, value + kValueDim);
        }
      }
      REQUIRE(end == cache.length(row));
    }
  }
  return naive;
}

struct NewPositions {
  Tensor key, value;
};
NewPositions new_positions(std::int64_t rows, std::int64_t time, unsigned seed) {
  return {random({rows, time, kHeads * kHeadDim}, seed), random({rows, time, kHeads * kValueDim}, seed + 1)};
}

/// A cache and its naive twin, to which the same things happen.
struct Twin {
  KvCache cache;
  NaiveCache naive;

  explicit Twin(std::int64_t rows) : cache(kHeads, kHeadDim, kValueDim, rows) {
    naive.rows.resize(static_cast<std::size_t>(rows));
  }
  void append(std::int64_t time, unsigned seed, const std::vector<std::int64_t>& lengths = {}) {
    const NewPositions added = new_positions(cache.rows(), time, seed);
    cache.append(added.key, added.value, lengths);
    naive.append(added.key, added.value, lengths);
  }
  void reorder(const std::vector<std::int64_t>& parents) {
    cache.reorder(parents);
    naive.reorder(parents);
  }
  void truncate(std::int64_t length) {
    cache.truncate(length);
    naive.truncate(static_cast<std::size_t>(length));
  }
  bool agree() const { return contents(cache).rows == naive.rows; }
};

TEST_CASE("KvCache = a naive cache under random operations, copies included") {
  for (unsigned seed = 0; seed < 20; ++seed) {
    CAPTURE(seed);
    std::mt19937 generator(seed);
    const auto below = [&](std::int64_t n) {
      return static_cast<std::int64_t>(generator() % static_cast<unsigned>(n));
    };
    Twin twin(3);
    std::optional<Twin> copy;
    for (int operation = 0; operation < 60; ++operation) {
      const std::int64_t rows = twin.cache.rows();
      switch (below(6)) {
        case 0: {
          std::vector<std::int64_t> parents;
          for (std::int64_t i = below(5); i >= 0 && rows > 0; --i) parents.push_back(below(rows));
          twin.reorder(parents);
          break;
        }
        case 1:
          twin.truncate(below(80));
          break;
        case 2:
          copy = twin;
          break;
        case 3: {
          std::vector<std::int64_t> lengths;
          for (std::int64_t row = 0; row < rows; ++row) lengths.push_back(below(8));
          twin.append(7, generator(), lengths);
          break;
        }
        case 4:
          if (copy) copy->append(below(3), generator());
          break;
        default:
          twin.append(below(40), generator());
      }
      REQUIRE(twin.agree());
      if (copy) REQUIRE(copy->agree());
    }
  }
}

TEST_CASE("KvCache: reorder shares blocks, and no append copies a position") {
  Twin twin(1);
  twin.append(40, 1);  // one whole block and a quarter of a second
  const std::size_t block = twin.cache.bytes() / 2;
  CHECK(block >= kHeads * (kHeadDim + kValueDim) * 32 * sizeof(float));
  twin.reorder({0, 0, 0});
  CHECK(twin.cache.bytes() == 2 * block);
  twin.append(1, 2);
  CHECK(twin.cache.bytes() == 4 * block);  // the first row goes on in the second block, the others start their own
  CHECK(twin.agree());
  std::vector<KeyPart> first, second;
  twin.cache.parts(0, 0, first);
  twin.cache.parts(1, 0, second);
  REQUIRE(first.size() == 2);
  REQUIRE(second.size() == 3);
  CHECK(first[1].keys == second[1].keys);
  CHECK(first[1].end == 41);
  CHECK(second[2].begin == 40);
  twin.reorder({1});
  CHECK(twin.cache.bytes() == 3 * block);
  twin.append(30, 3);  // alone now: on in its own block, then a new one
  CHECK(twin.cache.bytes() == 4 * block);
  CHECK(twin.agree());
  twin.truncate(32);
  CHECK(twin.cache.bytes() == block);
  twin.truncate(0);
  CHECK(twin.cache.bytes() == 0);
  CHECK(twin.cache.max_length() == 0);
}

TEST_CASE("KvCache: bfloat16 and int8 hold values rounded once, NaN for those that are not finite") {
  const NewPositions added = new_positions(1, 3, 5);
  Tensor key = added.key.copy(), value = added.value.copy();
  key.mutable_data<float>()[kHeads * kHeadDim] = kNan;  // position 1, head 0
  for (const DType dtype : {DType::bfloat16, DType::int8}) {
    KvCache cache(kHeads, kHeadDim, kValueDim, 1, dtype);
    cache.append(key, value);
    CHECK(cache.value_stride() == 16);
    std::vector<KeyPart> parts;
    cache.parts(0, 0, parts);
    REQUIRE(parts.size() == 1);
    for (std::int64_t p : {0, 2}) {
      float largest = 0.0F;
      for (std::int64_t i = 0; i < kHeadDim; ++i) {
        largest = std::max(largest, std::fabs(key.data<float>()[p * kHeads * kHeadDim + i]));
      }
      for (std::int64_t i = 0; i < kHeadDim; ++i) {
        const float exact = key.data<float>()[p * kHeads * kHeadDim + i];
        float held = 0.0F;
        if (dtype == DType::int8) {
          held = static_cast<float>(static_cast<const std::int8_t*>(parts[0].keys)[i * 32 + p]) * parts[0].scales[p];
          CHECK(std::fabs(held - exact) <= largest / 254.0F * 1.001F);
        } else {
          const std::uint32_t bits = static_cast<const std::uint16_t*>(parts[0].keys)[i * 32 + p];
          held = std::bit_cast<float>(bits << 16);
          CHECK(std::fabs(held - exact) <= std::fabs(exact) / 256.0F);
        }
      }
    }
    if (dtype == DType::int8) CHECK(std::isnan(parts[0].scales[1]));
  }
  CHECK(error_of([] { KvCache(1, 1, 1, 1, DType::int64); }) ==
        "ValueError: kv_cache: dtype has int64, expected float32, bfloat16 or int8");
}

TEST_CASE("KvCache: lengths per row, and taking an append back") {
  Twin twin(3);
  twin.append(5, 1, {5, 0, 2});
  CHECK(twin.cache.length(0) == 5);
  CHECK(twin.cache.length(1) == 0);
  CHECK(twin.cache.length(2) == 2);
  CHECK(twin.cache.max_length() == 5);
  const NaiveCache before = twin.naive;
  twin.append(50, 3);
  twin.cache.truncate(std::vector<std::int64_t>{5, 0, 2});
  CHECK(contents(twin.cache).rows == before.rows);
}

TEST_CASE("KvCache: a refused call changes nothing") {
  Twin twin(2);
  twin.append(33, 1);
  const NewPositions added = new_positions(2, 4, 7);
  CHECK(error_of([&] { twin.cache.append(added.key, added.key); }) ==
        "ShapeError: kv_cache: value has shape [2, 4, 6], expected [2, 4, 10] (rows, time, heads * value_dim)");
  CHECK(error_of([&] { twin.cache.append(random({1, 4, 6}, 1), added.value); }) ==
        "ShapeError: kv_cache: key has shape [1, 4, 6], expected [2, any, 6] (rows, time, heads * head_dim)");
  const std::vector<std::int64_t> too_long = {1, 5}, too_few = {1}, parents = {0, 2};
  CHECK(error_of([&] { twin.cache.append(added.key, added.value, too_long); }) ==
        "ValueError: kv_cache: lengths has 5 in row 1, expected 0 to 4 (steps in the batch)");
  CHECK(error_of([&] { twin.cache.append(added.key, added.value, too_few); }) ==
        "ShapeError: kv_cache: lengths has 1 elements, expected 2");
  CHECK(error_of([&] { twin.cache.reorder(parents); }) ==
        "IndexError: kv_cache: parents has 2, expected an index into the 2 rows of the cache");
  CHECK(error_of([&] { twin.cache.truncate(-1); }) == "ValueError: kv_cache: length has -1, expected zero or more");
  CHECK(error_of([&] { twin.cache.length(2); }) == "IndexError: kv_cache: row 2 of a cache with 2 rows");
  CHECK(error_of([] { KvCache(0, 1, 1, 1); }) == "ValueError: kv_cache: heads has 0, expected 1 to 1048576");
  CHECK(twin.agree());
}

TEST_CASE("KvCache: no rows") {
  Twin twin(0);
  twin.append(3, 1);
  twin.reorder({});
  CHECK(twin.cache.max_length() == 0);
  CHECK(twin.cache.bytes() == 0);
}

}  // namespace
}  // namespace pyseq::testing
