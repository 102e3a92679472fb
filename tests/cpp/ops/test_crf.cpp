// Conditional random fields: closed forms, thread counts, limits.
#include "fixture.h"

namespace pyseq::testing {
namespace {

std::vector<Tensor> path_inputs(const Tensor& emissions, std::int64_t labels) {
  return {emissions, random({labels, labels}, 2), random({labels}, 3), random({labels}, 4)};
}

TEST_CASE("crf_loss: of equal scores all paths are equally likely") {
  for (const std::int64_t time : {1, 2, 7, 1000}) {
    CAPTURE(time);
    const Tensor emissions = Tensor::zeros(DType::float32, {1, time, 3});
    const Tensor transitions = Tensor::zeros(DType::float32, {3, 3});
    const Tensor targets = Tensor::zeros(DType::int64, {1, time});
    CHECK(largest_error(run_one("crf_loss", {emissions, transitions, targets}),
                        {static_cast<double>(time) * std::log(3.0)}) < 1e-6);
  }
}

TEST_CASE("crf: without transitions a step is a softmax") {
  const Tensor emissions = random({2, 5, 20}, 1, -4.0F, 4.0F), none = Tensor::zeros(DType::float32, {20, 20});
  const Tensor softmax = run_one("softmax", {emissions});
  const std::vector<double> expected(softmax.values<float>().begin(), softmax.values<float>().end());
  CHECK(largest_error(run_one("crf_marginals", {emissions, none}), expected) < 1e-6);
  CHECK(same_bits({run_one("viterbi", {emissions, none})}, {run_one("argmax", {emissions})}));
}

TEST_CASE("crf: any thread count, and a row alone") {
  const Tensor lengths = integers({300, 0, 31, 257, 1});
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < 5 * 300; ++i) labels.push_back(i * i % 21);
  std::vector<Tensor> all = path_inputs(random({5, 300, 21}, 1, -4.0F, 4.0F), 21);
  const Tensor targets = Tensor::from<std::int64_t>({5, 300}, labels);
  for (const std::string op : {"crf_loss", "crf_marginals", "viterbi"}) {
    CAPTURE(op);
    const RunArgs args{.want_optional = op != "crf_marginals"};
    const auto inputs_of = [&](std::int64_t begin, std::int64_t count) {
      std::vector<Tensor> inputs = {all[0].rows(begin, count), all[1]};
      if (op == "crf_loss") inputs.push_back(targets.rows(begin, count));
      inputs.insert(inputs.end(), {all[2], all[3], lengths.rows(begin, count)});
      return inputs;
    };
    const std::vector<Tensor> out = same_for_all_thread_counts([&] { return run(op, inputs_of(0, 5), args); });
    for (std::int64_t row = 0; row < 5; ++row) {
      CAPTURE(row);
      std::vector<Tensor> expected;
      for (const Tensor& output : out) expected.push_back(output.rows(row, 1));
      CHECK(same_bits(run(op, inputs_of(row, 1), args), expected));
    }
  }
}

TEST_CASE("crf ops stop when they are cancelled, in the middle of a long sequence too") {
  const std::vector<Tensor> inputs = path_inputs(random({1, 5000, 4}, 1), 4);
  const Tensor targets = Tensor::zeros(DType::int64, {1, 5000});
  const int before = num_threads();
  set_num_threads(1);
  for (const std::string op : {"crf_loss", "crf_marginals", "viterbi"}) {
    CAPTURE(op);
    RunArgs args{.want_optional = op == "crf_loss"};
    int looks = 0;
    args.limits.poll = [&looks] {
      if (++looks == 15) throw CancelledError("enough");
    };
    std::vector<Tensor> given = inputs;
    if (op == "crf_loss") given.insert(given.begin() + 2, targets);
    CHECK_THROWS_AS(run(op, given, args), CancelledError);
    CHECK(looks == 15);
  }
  set_num_threads(before);
}

}  // namespace
}  // namespace pyseq::testing
