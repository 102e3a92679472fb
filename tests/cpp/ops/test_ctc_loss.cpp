// ctc_loss: closed forms, thread counts, limits.
#include "fixture.h"

namespace pyseq::testing {
namespace {

TEST_CASE("ctc_loss: with one label, uniform frames and no lengths the alignments can be counted") {
  // One run of the label anywhere in `time` frames: time (time + 1) / 2 alignments of probability 2^-time each.
  for (const std::int64_t time : {1, 2, 7, 100, 1000}) {
    CAPTURE(time);
    const Tensor logits = Tensor::zeros(DType::float32, {1, time, 2});
    const Tensor targets = Tensor::from<std::int64_t>({1, 1}, {1});
    const auto n = static_cast<double>(time);
    CHECK(largest_error(run_one("ctc_loss", {logits, targets}), {n * std::log(2.0) - std::log(n * (n + 1) / 2)}) <
          1e-6);
  }
}

TEST_CASE("ctc_loss: one label fills one frame: the gradient is that of the cross-entropy") {
  const Tensor logits = random({3, 1, 5}, 1);
  const std::vector<Tensor> out =
      run("ctc_loss", {logits, Tensor::from<std::int64_t>({3, 1}, {1, 4, 2})}, {.want_optional = true});
  const Tensor softmax = run_one("softmax", {logits});
  std::vector<double> expected(softmax.values<float>().begin(), softmax.values<float>().end());
  std::vector<double> loss;
  for (const std::size_t place : {1U, 9U, 12U}) {
    loss.push_back(-std::log(expected[place]));
    expected[place] -= 1.0;
  }
  CHECK(largest_error(out[0], loss) < 1e-6);
  CHECK(largest_error(out[1], expected) < 1e-6);
}

TEST_CASE("ctc_loss: any thread count, and a row alone") {
  const Tensor logits = random({5, 150, 33}, 1, -4.0F, 4.0F);
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < 5 * 40; ++i) labels.push_back(1 + i * i % 32);
  const Tensor targets = Tensor::from<std::int64_t>({5, 40}, labels);
  const std::vector<Tensor> all = {logits, targets, integers({150, 90, 120, 149, 81}), integers({40, 0, 31, 40, 7})};
  const RunArgs args{.want_optional = true};
  const std::vector<Tensor> out = same_for_all_thread_counts([&] { return run("ctc_loss", all, args); });
  for (std::int64_t row = 0; row < 5; ++row) {
    CAPTURE(row);
    std::vector<Tensor> alone;
    for (const Tensor& input : all) alone.push_back(input.rows(row, 1));
    CHECK(same_bits(run("ctc_loss", alone, args), {out[0].rows(row, 1), out[1].rows(row, 1)}));
  }
}

TEST_CASE("ctc_loss stops when it is cancelled, in the middle of a long sequence too") {
  RunArgs args{.want_optional = true};
  int looks = 0;
  args.limits.poll = [&looks] {
    if (++looks == 40) throw CancelledError("enough");
  };
  const Tensor logits = random({1, 5000, 4}, 1), targets = Tensor::from<std::int64_t>({1, 3}, {1, 2, 3});
  const int before = num_threads();
  set_num_threads(1);
  CHECK_THROWS_AS(run("ctc_loss", {logits, targets}, args), CancelledError);
  set_num_threads(before);
  CHECK(looks == 40);
}

}  // namespace
}  // namespace pyseq::testing
