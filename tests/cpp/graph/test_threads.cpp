// One program, many sessions at once.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "program_builder.h"

using namespace pyseq;
using namespace pyseq::testing;

TEST_CASE("threads that share a program get the bits that one thread gets, whatever the batch") {
  constexpr std::int64_t kWidth = 48;
  FunctionBuilder forward("forward");
  const auto x = forward.input("x", {"batch", "time", kWidth});
  const auto lengths = forward.input("lengths", {"batch"}, "int64");
  const auto h =
      forward.nodes("lstm", {x, "w:w_ih", "w:w_hh", nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, lengths},
                    json::object(), 3)[0];
  const auto a = forward.node("attention", {h, h, h, lengths}, {{"num_heads", 4}});
  forward.output("y", forward.node("linear", {a, "w:out"}));
  const auto program = ProgramBuilder()
                           .weight("w_ih", random_tensor({4 * kWidth, kWidth}, 1))
                           .weight("w_hh", random_tensor({4 * kWidth, kWidth}, 2))
                           .weight("out", random_tensor({kWidth, kWidth}, 3))
                           .function(forward)
                           .build();
  const Tensor inputs = random_tensor({6, 9, kWidth}, 4);
  const Tensor all_lengths = integers({9, 3, 1, 7, 0, 9});
  const Tensor expected = Session(program).run("forward", {{"x", inputs}, {"lengths", all_lengths}}).outputs.at("y");

  std::atomic<int> differences{0};
  std::vector<std::thread> threads;
  for (int id = 0; id < 4; ++id) {
    threads.emplace_back([&, id] {
      Session session(program);
      for (int i = 0; i < 20; ++i) {
        const std::int64_t first = (id + i) % 6, count = 1 + (id * i) % (6 - first);
        const Tensor y =
            session.run("forward", {{"x", inputs.rows(first, count)}, {"lengths", all_lengths.rows(first, count)}})
                .outputs.at("y");
        if (!same_bits(y, expected.rows(first, count))) ++differences;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(differences == 0);
}
