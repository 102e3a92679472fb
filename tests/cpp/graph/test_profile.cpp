// Profiles of sessions: what is collected, where, and that results stay the same.
#include <doctest/doctest.h>

#include <thread>

#include "program_builder.h"
#include "pyseq/profile.h"

using namespace pyseq;
using namespace pyseq::testing;

namespace {

/// A product, then a loop of three steps with two ops each.
std::shared_ptr<const Program> small_program() {
  FunctionBuilder body("body", false);
  const auto x = body.input("x", {"batch", 4});
  const auto total = body.input("total", {"batch", 4});
  const auto sum = body.node("add", {total, x}, json::object(), "loop.sum");
  const auto next = body.node("tanh", {sum}, json::object(), "loop.tanh");
  body.output("y", next).output("total", next);

  FunctionBuilder forward("forward");
  const auto xs = forward.input("xs", {"batch", 3, 4});
  const auto start = forward.input("start", {"batch", 4});
  const auto mapped = forward.node("linear", {xs, "w:weight"}, json::object(), "map");
  const auto outputs = forward.nodes("scan", {mapped, start}, {{"xs", 1}, {"states", 1}, {"consts", 0}, {"ys", 1}}, 2,
                                     "loop", {{"function", "body"}});
  forward.output("ys", outputs[0]);
  return ProgramBuilder().weight("weight", random_tensor({4, 4}, 1)).function(body).function(forward).build();
}

NamedTensors some_inputs() {
  return {{"xs", random_tensor({2, 3, 4}, 2)}, {"start", random_tensor({2, 4}, 3)}};
}

std::vector<std::string> names_of(const Profile& profile) {
  std::vector<std::string> names;
  const std::vector<ProfiledNode> nodes = profile.nodes();
  for (const ProfileEvent& event : profile.events()) {
    const ProfiledNode& node = nodes[event.node];
    names.push_back(std::to_string(event.depth) + " " + (node.op.empty() ? node.function : node.op + " " + node.name));
  }
  return names;
}

TEST_CASE("a profile has every op in the order of the run, bodies inside of their loops") {
  Session session(small_program());
  const Tensor expected = session.run("forward", some_inputs()).outputs.at("ys");
  const auto profile = std::make_shared<Profile>();
  {
    const ProfileScope scope(profile);
    CHECK(same_bits(session.run("forward", some_inputs()).outputs.at("ys"), expected));
  }
  session.run("forward", some_inputs());
  CHECK(names_of(*profile) == std::vector<std::string>{"0 forward", "1 linear map", "1 scan loop", "2 add loop.sum",
                                                       "2 tanh loop.tanh", "2 add loop.sum", "2 tanh loop.tanh",
                                                       "2 add loop.sum", "2 tanh loop.tanh"});
}

TEST_CASE("events have the declared cost and lie inside of those around them") {
  Session session(small_program());
  const auto profile = std::make_shared<Profile>(session.shared_program());
  const ProfileScope scope(profile);
  session.run("forward", some_inputs());
  const std::vector<ProfileEvent> events = profile->events();
  REQUIRE(events.size() == 9);
  CHECK(events[1].flops == 2.0 * 6 * 4 * 4);
  CHECK(events[1].bytes == 4.0 * (24 + 16 + 24));
  CHECK(events[2].flops == 0);
  for (std::size_t i = 1; i < events.size(); ++i) {
    const ProfileEvent& around = events[i < 3 ? 0 : 2];
    CHECK(events[i].start >= around.start);
    CHECK(events[i].start + events[i].seconds <= around.start + around.seconds);
  }
}

TEST_CASE("a scope collects its own thread and, if asked to, one program") {
  Session session(small_program()), other(small_program());
  const auto profile = std::make_shared<Profile>(session.shared_program());
  const ProfileScope scope(profile);
  other.run("forward", some_inputs());
  std::thread([&] { session.run("forward", some_inputs()); }).join();
  CHECK(profile->events().empty());
}

TEST_CASE("the innermost scope collects") {
  Session session(small_program());
  const auto outer = std::make_shared<Profile>(), inner = std::make_shared<Profile>();
  const ProfileScope outer_scope(outer);
  {
    const ProfileScope inner_scope(inner);
    CHECK(inner_scope.is_innermost());
    CHECK(!outer_scope.is_innermost());
    session.run("forward", some_inputs());
  }
  CHECK(outer->events().empty());
  CHECK(inner->events().size() == 9);
  CHECK(outer_scope.is_innermost());
}

TEST_CASE("a run that throws closes its events; a profile is not cleared inside of a run") {
  Session session(small_program());
  const auto profile = std::make_shared<Profile>();
  const ProfileScope scope(profile);
  RunOptions options;
  options.observe = [&](const ObservedOp&) { profile->clear(); };
  CHECK_THROWS_WITH_AS(session.run("forward", some_inputs(), nullptr, options),
                       "profile: cleared inside of a run that it collects", ValueError);
  profile->clear();
  session.run("forward", some_inputs());
  CHECK(profile->events().front().depth == 0);
  CHECK_THROWS_AS(ProfileScope(nullptr), ValueError);
}

}  // namespace
