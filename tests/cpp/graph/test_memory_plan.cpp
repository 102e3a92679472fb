// The memory of intermediate values: never shared by values that are needed at the same time, and bounded.
#include <doctest/doctest.h>

#include <random>

#include "graph/memory_plan.h"
#include "program_builder.h"

using namespace pyseq;
using namespace pyseq::testing;

namespace {

bool overlap_in_time(const MemoryBlock& a, const MemoryBlock& b) {
  return a.first <= b.last && b.first <= a.last;
}

}  // namespace

TEST_CASE("blocks that are alive at the same time never overlap") {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<MemoryBlock> blocks(1 + random() % 40);
    for (MemoryBlock& block : blocks) {
      block.first = static_cast<int>(random() % 30);
      block.last = block.first + static_cast<int>(random() % 8);
      block.bytes = random() % 5 == 0 ? 0 : random() % 1000;
    }
    const MemoryPlan plan = plan_memory(blocks);
    std::size_t total = 0;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      CHECK(plan.offsets[i] % kMemoryAlignment == 0);
      CHECK(plan.offsets[i] + blocks[i].bytes <= plan.bytes);
      total += blocks[i].bytes + kMemoryAlignment;
      for (std::size_t j = 0; j < i; ++j) {
        if (!overlap_in_time(blocks[i], blocks[j])) continue;
        const bool apart = plan.offsets[i] + blocks[i].bytes <= plan.offsets[j] ||
                           plan.offsets[j] + blocks[j].bytes <= plan.offsets[i];
        CHECK(apart);
      }
    }
    CHECK(plan.bytes <= total);
  }
}

TEST_CASE("memory is reused as soon as it is free") {
  // A chain: each value is needed by the next node only, so two places are enough.
  std::vector<MemoryBlock> chain;
  for (int i = 0; i < 20; ++i) chain.push_back({640, i, i + 1});
  CHECK(plan_memory(chain).bytes == 2 * 640);
  // The smallest gap that fits is taken: 128 goes between the two large blocks, not after them.
  const MemoryPlan plan = plan_memory(std::vector<MemoryBlock>{{1024, 0, 9}, {512, 0, 2}, {256, 0, 9}, {128, 4, 5}});
  CHECK(plan.offsets[3] == 1024);
  CHECK(plan.bytes == 1024 + 512 + 256);
}

TEST_CASE("more memory than can be addressed is a ShapeError") {
  const std::size_t huge = std::size_t{1} << 62;
  CHECK_THROWS_AS(plan_memory(std::vector<MemoryBlock>{{huge, 0, 1}, {huge, 0, 1}}), ShapeError);
  SequentialLayout layout;
  layout.add(huge);
  CHECK_THROWS_AS(layout.add(1), ShapeError);
}

TEST_CASE("random graphs of adds give the sums that they stand for") {
  std::mt19937 random(2);
  for (int round = 0; round < 60; ++round) {
    FunctionBuilder forward("forward");
    std::vector<std::string> values = {forward.input("a", {"n"}), forward.input("b", {"n"})};
    std::vector<std::vector<double>> expected = {{1, 2, 3}, {5, 7, 11}};
    const int nodes = 1 + static_cast<int>(random() % 30);
    for (int i = 0; i < nodes; ++i) {
      // Mostly recent values, sometimes one from far back, so that lifetimes differ.
      const auto pick = [&] {
        return values.size() - 1 - random() % std::min<std::size_t>(values.size(), 1 + random() % 12);
      };
      const std::size_t a = pick(), b = pick();
      // Halving keeps the numbers small.
      const auto sum = forward.node("add", {values[a], values[b]});
      values.push_back(forward.node("multiply", {sum, "w:half"}));
      std::vector<double> value;
      for (int k = 0; k < 3; ++k) value.push_back((expected[a][k] + expected[b][k]) / 2);
      expected.push_back(value);
    }
    const std::size_t other = random() % values.size();
    forward.output("last", values.back()).output("other", values[other]);
    Session session(
        ProgramBuilder().weight("half", Tensor::from<float>({3}, {0.5f, 0.5f, 0.5f})).function(forward).build());
    const RunResult result = session.run(
        "forward", {{"a", Tensor::from<float>({3}, {1, 2, 3})}, {"b", Tensor::from<float>({3}, {5, 7, 11})}});
    for (int k = 0; k < 3; ++k) {
      CHECK(result.outputs.at("last").values<float>()[k] == doctest::Approx(expected.back()[k]).epsilon(1e-6));
      CHECK(result.outputs.at("other").values<float>()[k] == doctest::Approx(expected[other][k]).epsilon(1e-6));
    }
  }
}

TEST_CASE("the workspace stays as large as the largest sizes need, over thousands of sizes") {
  FunctionBuilder forward("forward");
  auto x = forward.input("x", {"batch", "time", 4});
  for (int i = 0; i < 5; ++i) x = forward.node("linear", {x, "w:weight"}, {{"activation", "relu"}});
  forward.output("y", x);
  const auto program = ProgramBuilder().weight("weight", random_tensor({4, 4}, 1)).function(forward).build();
  constexpr std::int64_t kMost = 30;
  const auto run = [](Session& session, std::int64_t batch, std::int64_t time) {
    return session.run("forward", {{"x", random_tensor({batch, time, 4}, 3)}}).outputs.at("y");
  };
  Session largest(program);
  run(largest, kMost, kMost);
  Session session(program);
  std::mt19937 random(3);
  for (int i = 0; i < 2000; ++i) run(session, 1 + random() % kMost, 1 + random() % kMost);
  CHECK(session.workspace_bytes() <= largest.workspace_bytes());
  CHECK(largest.workspace_bytes() < 4 * kMost * kMost * 4 * sizeof(float));
  // Plans that were dropped are made again, with the same result.
  CHECK(same_bits(run(session, 3, 7), run(largest, 3, 7)));
}
