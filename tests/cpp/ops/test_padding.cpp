// Packed steps: ops with row_lengths give the bits that they give for the padded batch.
#include "fixture.h"

namespace pyseq::testing {
namespace {

const std::vector<std::int64_t> kLengths = {50, 0, 1, 33, 7};
constexpr std::int64_t kTime = 50, kWidth = 12;

Tensor pack(const Tensor& x, const std::vector<std::int64_t>& lengths = kLengths) {
  return run_one("pack_rows", {x, integers(lengths)});
}

/// Zeros for padding, as unpack_rows leaves them.
Tensor mask(const Tensor& x) {
  return run_one("mask_rows", {x, integers(kLengths)});
}
Tensor unpack(const Tensor& x) {
  return run_one("unpack_rows", {x, integers(kLengths)});
}

TEST_CASE("pack_rows and unpack_rows: valid steps go and come back, whatever their type") {
  const Tensor x = random({5, kTime, kWidth}, 1);
  CHECK(same_bits(unpack(pack(x)), mask(x)));
  const Tensor packed = pack(x);
  std::vector<std::int64_t> numbers;
  for (std::int64_t i = 0; i < 5 * kTime; ++i) numbers.push_back(i);
  const Tensor ids = integers(numbers).reshaped({5, kTime});
  CHECK(same_bits(unpack(pack(ids)), mask(ids)));
  CHECK(pack(ids).data<std::int64_t>()[50] == 2 * kTime);  // row 1 has no steps
}

TEST_CASE("attention: packed steps have the bits of padded ones") {
  const Tensor query = random({5, kTime, kWidth}, 1), key = random({5, kTime, 6}, 2), value = random({5, kTime, 8}, 3);
  const Tensor bias = random({kTime, kTime}, 4), slopes = random({4}, 5), none;
  const std::vector<std::int64_t> fewer = {44, 0, 0, 33, 6};
  struct Case {
    bool causal;
    std::int64_t window;
    bool biased;
    Tensor lengths;
  };
  for (const Case& c : {Case{false, 0, false, integers(kLengths)}, Case{true, 0, true, integers(kLengths)},
                        Case{true, 9, false, integers(fewer)}, Case{false, 0, true, integers(fewer)}}) {
    const RunArgs args{.attrs = {{"num_heads", std::int64_t{4}},
                                 {"num_kv_heads", std::int64_t{2}},
                                 {"causal", c.causal},
                                 {"window", c.window}},
                       .want_optional = true};
    const auto padded =
        run("attention", {query, key, value, c.lengths, none, c.biased ? bias : none, c.biased ? slopes : none}, args);
    const auto packed = same_for_all_thread_counts([&] {
      auto outputs = run("attention",
                         {pack(query), pack(key), pack(value), c.lengths, none, c.biased ? bias : none,
                          c.biased ? slopes : none, integers(kLengths)},
                         args);
      outputs[0] = unpack(outputs[0]);  // behind the packed steps is nothing
      return outputs;
    });
    CHECK(same_bits(packed[0], mask(padded[0])));
    const float* all = padded[1].data<float>();
    const float* valid = packed[1].data<float>();
    for (std::int64_t i = 0; i < padded[1].num_elements(); ++i) {
      const std::int64_t row = i / (4 * kTime * kTime), t = i / kTime % kTime;
      CHECK(valid[i] == (t < kLengths[static_cast<std::size_t>(row)] ? all[i] : 0.0F));
    }
  }
}

TEST_CASE("attention: without lengths, packed rows end where they end") {
  const Tensor x = random({5, kTime, kWidth}, 1), none;
  const RunArgs args{.attrs = {{"num_heads", std::int64_t{3}}}};
  const Tensor padded = run("attention", {x, x, x, integers(kLengths)}, args)[0], p = pack(x);
  const Tensor packed = run("attention", {p, p, p, none, none, none, none, integers(kLengths)}, args)[0];
  CHECK(same_bits(unpack(packed), mask(padded)));
}

TEST_CASE("positions: packed steps have the bits of padded ones") {
  const Tensor x = random({5, kTime, kWidth}, 1), table = random({90, kWidth}, 2), lengths = integers(kLengths);
  const Tensor offset = integers({3, 0, 40, 9, 1}), none;
  for (const Tensor& from : {offset, none}) {
    CHECK(same_bits(unpack(run_one("sinusoidal_positions", {pack(x), from, lengths})),
                    mask(run_one("sinusoidal_positions", {x, from}))));
    CHECK(same_bits(unpack(run_one("learned_positions", {pack(x), table, from, lengths})),
                    mask(run_one("learned_positions", {x, table, from}))));
    const NamedAttrs heads = {{"num_heads", std::int64_t{3}}};
    CHECK(same_bits(unpack(run_one("rotary", {pack(x), from, lengths}, heads)),
                    mask(run_one("rotary", {x, from}, heads))));
  }
}

TEST_CASE("row_lengths: mistakes") {
  const Tensor x = random({2, 4, 6}, 1), longer = random({2, 5, 6}, 1), none, lengths = integers({4, 2});
  const RunArgs args{.attrs = {{"num_heads", std::int64_t{2}}}};
  const auto attend = [&](const Tensor& keys, const Tensor& counted, const Tensor& rows, const Tensor& row_lengths) {
    return error_of([&] { run("attention", {x, keys, keys, counted, rows, none, none, row_lengths}, args); });
  };
  CHECK(attend(x, none, none, integers({4, 5})) ==
        "ValueError: attention: lengths has 5 in row 1, expected 0 to 4 (steps in the batch)");
  CHECK(attend(x, integers({4, 3}), none, lengths) ==
        "ValueError: attention: lengths has 3 in row 1, expected 0 to 2 (row_lengths)");
  CHECK(attend(longer, none, none, lengths) ==
        "ShapeError: attention: key has 5 positions, expected the 4 of query (row_lengths)");
  CHECK(attend(x, none, integers({0, 1}), lengths) ==
        "ValueError: attention: rows has a value, expected none beside row_lengths");
  CHECK(attend(x, none, none, integers({4})) ==
        "ShapeError: attention: row_lengths has 1 elements, expected 2 (batch of [2, 4, 6])");
}

}  // namespace
}  // namespace pyseq::testing
