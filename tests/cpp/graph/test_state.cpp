// Carries, caches and memory over several runs, compared with the same sequences computed as a whole.
#include <doctest/doctest.h>

#include <functional>

#include "graph/state_impl.h"
#include "program_builder.h"

using namespace pyseq;
using namespace pyseq::testing;

namespace {

constexpr std::int64_t kWidth = 8, kHeads = 2, kVocabulary = 11;

/// encode embeds the source and fills memory; step runs a GRU cell (carry), self-attention (cache) and cross-attention
/// (memory) over one or more target tokens.
std::shared_ptr<const Program> decoder(const LoadOptions& options = {}) {
  FunctionBuilder encode("encode");
  const auto source = encode.input("tokens", {"batch", "time"}, "int64");
  const auto lengths = encode.input("lengths", {"batch"}, "int64");
  const auto memory = encode.node("embedding", {source, "w:source"});
  encode.output("memory", memory).update("memory", memory).update("lengths", lengths);

  FunctionBuilder step("step");
  const auto tokens = step.input("tokens", {"batch", "time"}, "int64");
  const auto x = step.node("embedding", {tokens, "w:target"});
  const auto gru = step.nodes(
      "gru", {x, "w:w_ih", "w:w_hh", nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, "s:hidden"},
      json::object(), 2);
  const auto self = step.node("cached_attention", {gru[0], gru[0], gru[0], nullptr, "s:self"}, {{"num_heads", kHeads}},
                              "self_attention");
  const auto cross = step.node("attention", {self, "s:memory", "s:memory", "s:lengths", "rows"},
                               {{"num_heads", kHeads}}, "cross_attention");
  step.output("logits", step.node("linear", {cross, "w:target"})).update("hidden", gru[1]);

  return ProgramBuilder()
      .weight("source", random_tensor({kVocabulary, kWidth}, 1, 2))
      .weight("target", random_tensor({kVocabulary, kWidth}, 2, 2))
      .weight("w_ih", random_tensor({3 * kWidth, kWidth}, 3))
      .weight("w_hh", random_tensor({3 * kWidth, kWidth}, 4))
      .state("hidden", "carry", {kWidth})
      .state("self", "cache", {kHeads, kWidth / kHeads, kWidth / kHeads})
      .state("memory", "memory")
      .state("lengths", "memory", json::array(), "int64")
      .function(encode)
      .function(step)
      .build(options);
}

const Tensor kSources = Tensor::from<std::int64_t>({2, 3}, {1, 2, 3, 4, 5, 0});
const Tensor kSourceLengths = integers({3, 2});

/// Logits [time, vocabulary] of a whole target sequence over one source, by the ops alone.
Tensor expected_logits(const std::vector<std::int64_t>& tokens, std::int64_t source) {
  const auto time = static_cast<std::int64_t>(tokens.size());
  const Tensor ids = Tensor::from<std::int64_t>({1, time}, tokens);
  const Tensor x = run_eager("embedding", {ids, random_tensor({kVocabulary, kWidth}, 2, 2)})[0];
  const Tensor h =
      run_eager("gru", {x, random_tensor({3 * kWidth, kWidth}, 3), random_tensor({3 * kWidth, kWidth}, 4)})[0];
  const Tensor self = run_eager("attention", {h, h, h}, {{"num_heads", kHeads}, {"causal", true}})[0];
  const Tensor memory =
      run_eager("embedding", {kSources.rows(source, 1), random_tensor({kVocabulary, kWidth}, 1, 2)})[0];
  const Tensor cross =
      run_eager("attention", {self, memory, memory, kSourceLengths.rows(source, 1)}, {{"num_heads", kHeads}})[0];
  return run_eager("linear", {cross, random_tensor({kVocabulary, kWidth}, 2, 2)})[0].reshaped({time, kVocabulary});
}

/// The largest difference between `logits` and the end of what the whole sequence gives.
double difference(const float* logits, const std::vector<std::int64_t>& tokens, std::int64_t source) {
  const Tensor expected = expected_logits(tokens, source);
  const float* last = expected.data<float>() + (expected.size(0) - 1) * kVocabulary;
  double worst = 0;
  for (std::int64_t i = 0; i < kVocabulary; ++i) worst = std::max(worst, std::abs(double{last[i]} - logits[i]));
  return worst;
}

Tensor column(std::span<const std::int64_t> tokens) {
  return Tensor::from<std::int64_t>({static_cast<std::int64_t>(tokens.size()), 1}, tokens);
}

struct Row {
  std::vector<std::int64_t> tokens;
  std::int64_t source;
};

State encoded(Session& session) {
  State state = session.new_state(7);  // encode sets the number of rows, whatever it was
  session.run("encode", {{"tokens", kSources}, {"lengths", kSourceLengths}}, &state);
  return state;
}

/// One step with the given next tokens; checks every row against its whole sequence.
void check_step(Session& session, State& state, std::vector<Row>& rows, std::vector<std::int64_t> next) {
  const Tensor logits = session.run("step", {{"tokens", column(next)}}, &state).outputs.at("logits");
  REQUIRE(logits.shape() == Shape{static_cast<std::int64_t>(rows.size()), 1, kVocabulary});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].tokens.push_back(next[i]);
    CHECK(difference(logits.data<float>() + i * kVocabulary, rows[i].tokens, rows[i].source) < 1e-5);
  }
}

void reorder(State& state, std::vector<Row>& rows, const std::vector<std::int64_t>& parents) {
  state.reorder(parents);
  std::vector<Row> reordered;
  for (const std::int64_t parent : parents) reordered.push_back(rows[parent]);
  rows = reordered;
}

}  // namespace

TEST_CASE("carry, cache and memory follow every row through reorders that change their number") {
  Session session(decoder());
  State state = encoded(session);
  CHECK(state.rows() == 2);
  std::vector<Row> rows = {{{}, 0}, {{}, 1}};
  check_step(session, state, rows, {1, 2});
  reorder(state, rows, {0, 0, 1, 1, 1});
  CHECK(state.rows() == 5);
  check_step(session, state, rows, {3, 4, 5, 6, 7});
  check_step(session, state, rows, {8, 9, 10, 0, 1});
  reorder(state, rows, {4, 1, 2});
  CHECK(std::vector(state.sources().begin(), state.sources().end()) == std::vector<std::int64_t>{1, 0, 1});
  for (std::int64_t i = 0; i < 40; ++i) check_step(session, state, rows, {i % 11, (i * 3) % 11, (i * 7) % 11});
  reorder(state, rows, {2});
  check_step(session, state, rows, {5});
}

TEST_CASE("several tokens in one step are the same as one at a time") {
  Session session(decoder());
  State state = encoded(session);
  const Tensor tokens = Tensor::from<std::int64_t>({2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor logits = session.run("step", {{"tokens", tokens}}, &state).outputs.at("logits");
  CHECK(difference(logits.data<float>() + 2 * kVocabulary, {1, 2, 3}, 0) < 1e-5);
  CHECK(difference(logits.data<float>() + 5 * kVocabulary, {4, 5, 6}, 1) < 1e-5);
}

TEST_CASE("a clone goes its own way") {
  Session session(decoder());
  State state = encoded(session);
  std::vector<Row> rows = {{{}, 0}, {{}, 1}};
  check_step(session, state, rows, {1, 2});
  State copy = state.clone();
  std::vector<Row> copied = rows;
  check_step(session, copy, copied, {3, 4});
  check_step(session, state, rows, {5, 6});
  check_step(session, copy, copied, {7, 8});
}

TEST_CASE("writing memory starts new sequences") {
  Session session(decoder());
  State state = encoded(session);
  std::vector<Row> rows = {{{}, 0}, {{}, 1}};
  check_step(session, state, rows, {1, 2});
  reorder(state, rows, {1, 1, 0});
  session.run("encode", {{"tokens", kSources}, {"lengths", kSourceLengths}}, &state);
  CHECK(state.rows() == 2);
  rows = {{{}, 0}, {{}, 1}};
  check_step(session, state, rows, {9, 3});
}

TEST_CASE("a run that fails leaves the state as it was") {
  Session session(decoder());
  State state = encoded(session);
  std::vector<Row> rows = {{{}, 0}, {{}, 1}};
  check_step(session, state, rows, {1, 2});
  reorder(state, rows, {0, 1, 1});  // rows share cache blocks now
  const Tensor hidden = state.tensor("hidden");
  const KvCache& cache = *state.impl().caches[1];
  const NamedTensors inputs = {{"tokens", column(std::vector<std::int64_t>{3, 4, 5})}};

  SUBCASE("a token that is not there") {
    const std::vector<std::int64_t> bad = {3, kVocabulary, 5};
    CHECK_THROWS_AS(session.run("step", {{"tokens", column(bad)}}, &state), IndexError);
  }
  SUBCASE("stopped before each node in turn, also after the cache has grown") {
    bool finished = false, grew = false;
    for (int allowed = 0; !finished; ++allowed) {
      State copy = state.clone();
      const KvCache& copied = *copy.impl().caches[1];
      RunOptions options;
      int polls = 0;
      options.limits.poll = [&] {
        grew = grew || copied.max_length() > cache.max_length();
        if (polls++ == allowed) throw CancelledError("stop");
      };
      try {
        session.run("step", inputs, &copy, options);
        finished = true;
      } catch (const CancelledError&) {
        for (std::int64_t row = 0; row < 3; ++row) CHECK(copied.length(row) == 1);
        CHECK(same_bits(copy.tensor("hidden"), hidden));
        std::vector<Row> same = rows;
        check_step(session, copy, same, {3, 4, 5});
      }
    }
    CHECK(grew);
  }
  SUBCASE("an update of the wrong size") {
    CHECK_THROWS_AS(session.run("encode", {{"tokens", kSources}, {"lengths", integers({1, 9, 1})}}, &state),
                    ShapeError);
  }
  SUBCASE("cancelled and out of time before it starts") {
    CancelToken token;
    token.cancel();
    RunOptions options;
    options.limits.cancel = &token;
    CHECK_THROWS_AS(session.run("step", inputs, &state, options), CancelledError);
    options.limits = RunLimits::within(std::chrono::nanoseconds(0));
    CHECK_THROWS_AS(session.run("step", inputs, &state, options), DeadlineError);
  }
  CHECK(state.rows() == 3);
  CHECK(same_bits(state.tensor("hidden"), hidden));
  for (std::int64_t row = 0; row < 3; ++row) CHECK(cache.length(row) == 1);
  check_step(session, state, rows, {3, 4, 5});
}

TEST_CASE("cross-attention and self-attention weights are captured while the cache grows") {
  Session session(decoder());
  State state = encoded(session);
  RunOptions options;
  options.capture = {"self_attention", "cross_attention"};
  for (std::int64_t position = 1; position < 40; ++position) {
    const RunResult result =
        session.run("step", {{"tokens", column(std::vector<std::int64_t>{1, 2})}}, &state, options);
    CHECK(result.captures.at("self_attention").shape() == Shape{2, kHeads, 1, position});
    CHECK(result.captures.at("cross_attention").shape() == Shape{2, kHeads, 1, 3});
    for (const auto& [path, weights] : result.captures) {
      for (std::int64_t row = 0; row < 2 * kHeads; ++row) {
        double sum = 0;
        for (std::int64_t i = 0; i < weights.size(3); ++i) sum += weights.data<float>()[row * weights.size(3) + i];
        CHECK(sum == doctest::Approx(1.0));
      }
    }
  }
}

TEST_CASE("state is checked before a run") {
  Session session(decoder());
  const NamedTensors two = {{"tokens", column(std::vector<std::int64_t>{1, 2})}};
  State fresh = session.new_state(2);
  CHECK_THROWS_WITH_AS(session.run("step", two),
                       "step: the function uses state, but none was given (Session::new_state)", ValueError);
  CHECK_THROWS_WITH_AS(session.run("step", two, &fresh),
                       "step: memory \"memory\" has not been written by any function yet", ValueError);
  State state = encoded(session);
  state.reorder(std::vector<std::int64_t>{0, 1, 1});
  CHECK_THROWS_WITH_AS(session.run("step", two, &state), "step: the inputs have batch 2, but the state has 3 rows",
                       ShapeError);
  State foreign = Session(decoder()).new_state(2);
  CHECK_THROWS_WITH_AS(session.run("step", two, &foreign), "step: the state belongs to another program", ValueError);
  State empty;
  CHECK_THROWS_AS(session.run("step", two, &empty), ValueError);
  CHECK_THROWS_AS(session.new_state(-1), ValueError);
}

TEST_CASE("tensors of a state are read, set and checked") {
  Session session(decoder());
  State state = encoded(session);
  const Tensor hidden = random_tensor({2, kWidth}, 9);
  state.set_tensor("hidden", hidden);
  state.tensor("hidden").mutable_data<float>()[0] = 99;  // a copy
  CHECK(same_bits(state.tensor("hidden"), hidden));
  CHECK_THROWS_WITH_AS(state.set_tensor("hidden", random_tensor({3, kWidth}, 1)),
                       "set_tensor: carry \"hidden\" has shape [3, 8], expected [2, 8]", ShapeError);
  CHECK_THROWS_AS(state.set_tensor("hidden", Tensor::zeros(DType::int64, {2, kWidth})), DTypeError);
  CHECK_THROWS_AS(state.set_tensor("hidden", Tensor::meta(DType::float32, {2, kWidth})), ValueError);
  CHECK_THROWS_AS(state.set_tensor("self", hidden), ValueError);
  CHECK_THROWS_AS(state.tensor("nothing"), ValueError);
  CHECK_THROWS_AS(state.set_tensor("memory", random_tensor({1, 3, kWidth}, 1)), ShapeError);  // row 1 reads source 1
  CHECK_NOTHROW(state.set_tensor("memory", random_tensor({2, 4, kWidth}, 1)));
  CHECK_THROWS_AS(state.reorder(std::vector<std::int64_t>{0, 2}), IndexError);
  CHECK_THROWS_AS(state.reorder(std::vector<std::int64_t>{-1}), IndexError);
  CHECK(state.rows() == 2);
  state.reorder({});
  CHECK(state.rows() == 0);
}

TEST_CASE("updates read the state as it was before the run") {
  FunctionBuilder swap("swap");
  swap.output("a", "s:a").update("a", "s:b").update("b", "s:a");
  Session session(ProgramBuilder().state("a", "carry", {1}).state("b", "carry", {1}).function(swap).build());
  State state = session.new_state(1);
  state.set_tensor("a", Tensor::from<float>({1, 1}, {1}));
  state.set_tensor("b", Tensor::from<float>({1, 1}, {2}));
  CHECK(session.run("swap", {}, &state).outputs.at("a").values<float>()[0] == 1);
  CHECK(state.tensor("a").values<float>()[0] == 2);
  CHECK(state.tensor("b").values<float>()[0] == 1);
}

TEST_CASE("cache_dtype stores caches in another type, for this program alone") {
  const std::vector<std::int64_t> rows_of_tokens[] = {{1, 4}, {7, 2}, {1, 9}};
  // Largest error of logits of a magnitude of about 10, by what a bfloat16 or int8 value rounds.
  for (const DType dtype : {DType::float32, DType::bfloat16, DType::int8}) {
    CAPTURE(dtype_name(dtype));
    const double budget = dtype == DType::float32 ? 1e-5 : 0.1;
    const auto program = decoder()->with_options({.cache_dtype = dtype});
    for (const StateInfo& state : program->state()) {
      if (state.kind == StateKind::cache) CHECK(state.dtype == dtype);
      if (state.kind != StateKind::cache) CHECK((state.dtype == DType::float32 || state.dtype == DType::int64));
    }
    Session session(program);
    State state = encoded(session);
    CHECK(state.impl().caches[1]->dtype() == dtype);
    std::vector<std::int64_t> seen[2];
    double worst = 0;
    for (const auto& tokens : rows_of_tokens) {
      const Tensor logits = session.run("step", {{"tokens", column(tokens)}}, &state).outputs.at("logits");
      for (std::int64_t row = 0; row < 2; ++row) {
        seen[row].push_back(tokens[static_cast<std::size_t>(row)]);
        worst = std::max(worst, difference(logits.data<float>() + row * kVocabulary, seen[row], row));
      }
    }
    CHECK(worst < budget);
    if (dtype != DType::float32) CHECK(worst > 1e-5);  // it is stored narrow indeed
    const State copy = state.clone();
    CHECK(copy.impl().caches[1]->dtype() == dtype);
  }
  CHECK(decoder()->state()[1].dtype == DType::float32);
  CHECK_THROWS_WITH_AS(decoder({.cache_dtype = DType::int64}),
                       "program: cache_dtype is int64, expected float32, bfloat16 or int8", ValueError);
}

TEST_CASE("programs whose use of state has no meaning are refused") {
  const auto attend = [](FunctionBuilder& function, const std::string& x) {
    return function.node("cached_attention", {x, x, x, nullptr, "s:cache"}, {{"num_heads", 1}}, "attention");
  };
  const auto build = [&](const std::function<void(FunctionBuilder&, const std::string&)>& fill) {
    FunctionBuilder function("step");
    fill(function, function.input("x", {"batch", "time", 4}));
    return ProgramBuilder().state("cache", "cache", {1, 4, 4}).state("memory", "memory").function(function).build();
  };
  CHECK_THROWS_WITH_AS(build([&](FunctionBuilder& f, const std::string& x) { attend(f, attend(f, x)); }),
                       "function step: attention uses cache cache, which another node uses already", FormatError);
  CHECK_THROWS_AS(build([&](FunctionBuilder& f, const std::string& x) { f.update("memory", attend(f, x)); }),
                  FormatError);
  CHECK_NOTHROW(build([&](FunctionBuilder& f, const std::string& x) { f.output("y", attend(f, x)); }));
}
