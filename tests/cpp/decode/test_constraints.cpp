#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "decode/constraints/beam_banks.h"
#include "decode/constraints/phrases.h"
#include "history_model.h"
#include "pyseq/constraints.h"
#include "pyseq/decode.h"
#include "pyseq/search_trace.h"
#include "reference_search.h"

using namespace pyseq;
using namespace pyseq::testing;

namespace {

using Texts = std::vector<std::string>;

// Tokens 2, 3, ... are the letters a, b, ...; the marks have no text.
Texts letters(std::int64_t vocabulary) {
  Texts result(2);
  for (std::int64_t token = 2; token < vocabulary; ++token) {
    result.emplace_back(1, static_cast<char>('a' + token - 2));
  }
  return result;
}

bool contains(const Ids& ids, const Ids& phrase) {
  return std::search(ids.begin(), ids.end(), phrase.begin(), phrase.end()) != ids.end();
}

bool accepts(const TokenAutomaton& automaton, const Ids& ids) {
  TokenAutomaton::State state = automaton.start();
  for (const std::int64_t id : ids) {
    if (state != TokenAutomaton::kDead) state = automaton.next(state, id);
  }
  return state != TokenAutomaton::kDead && automaton.is_accepting(state);
}

bool keeps(const SourceOptions& source, const Ids& ids) {
  return std::all_of(source.allowed.begin(), source.allowed.end(), [&](const auto& a) { return accepts(*a, ids); }) &&
         std::all_of(source.phrases.begin(), source.phrases.end(), [&](const Ids& p) { return contains(ids, p); });
}

std::vector<ReferenceHypothesis> enumerate_kept(std::int64_t seed, std::int64_t vocabulary, std::int64_t max_length,
                                                double length_penalty, const SourceOptions& source) {
  std::vector<ReferenceHypothesis> all = enumerate(history_reference(seed, vocabulary), max_length, length_penalty);
  std::erase_if(all, [&](const ReferenceHypothesis& hypothesis) { return !keeps(source, hypothesis.ids()); });
  return all;
}

std::vector<Hypothesis> search_one(std::int64_t seed, std::int64_t vocabulary, const DecodingOptions& options,
                                   const SourceOptions& source) {
  HistoryModel model({seed}, vocabulary);
  return search(model, kMarks, options, {source})[0];
}

DecodingOptions options_of(int beam_size, double length_penalty, std::int64_t max_length) {
  DecodingOptions options;
  options.beam_size = beam_size;
  options.length_penalty = length_penalty;
  options.max_length = max_length;
  return options;
}

// Different kinds of constraints over the letters a, b, c (tokens 2 to 4) and the start mark, which is a token too.
std::vector<SourceOptions> some_constraints() {
  const Texts texts = letters(5);
  std::vector<SourceOptions> result(9);
  result[0].phrases = {{3}};
  result[1].phrases = {{2, 2, 3}};
  result[2].phrases = {{2, 3}, {3, 4}};  // may overlap
  result[3].phrases = {{4, 4}, {1}};
  result[4].allowed = {token_trie({{2}, {2, 3}, {4, 3, 2, 2}, {4, 3, 3}})};
  result[5].allowed = {regex_automaton("(ab|c)*b", texts)};
  result[6].allowed = {regex_automaton("[ab]*c?[ab]*", texts), regex_automaton(".*b.", texts)};
  result[7].allowed = {regex_automaton("(a|bc|cb)+", texts)};
  result[7].phrases = {{3, 4}};
  result[8].allowed = {token_trie({{2, 3, 4}, {4, 3, 2}, {3, 4}, {2, 2}})};
  result[8].phrases = {{3, 4}};
  return result;
}

}  // namespace

TEST_CASE("constraints: a beam that holds everything finds the best hypothesis that keeps them") {
  for (const SourceOptions& source : some_constraints()) {
    for (std::int64_t seed = 0; seed < 6; ++seed) {
      CAPTURE(seed);
      const std::vector<ReferenceHypothesis> expected = enumerate_kept(seed, 5, 5, 0.0, source);
      REQUIRE(!expected.empty());
      const Hypothesis best = search_one(seed, 5, options_of(2000, 0.0, 5), source)[0];
      CHECK(best.ids == expected[0].ids());
      CHECK(best.finished == expected[0].finished());
      CHECK(best.score == doctest::Approx(expected[0].score).epsilon(1e-5));

      DecodingOptions all = options_of(2000, 0.7, 5);
      all.n_best = 2000;
      const std::vector<ReferenceHypothesis> every = enumerate_kept(seed, 5, 5, 0.7, source);
      const std::vector<Hypothesis> found = search_one(seed, 5, all, source);
      REQUIRE(found.size() == every.size());
      for (std::size_t i = 0; i < found.size(); ++i) CHECK(found[i].ids == every[i].ids());
    }
  }
}

TEST_CASE("constraints: whatever the beam, what comes back keeps them") {
  std::vector<SourceOptions> sources = some_constraints();
  for (std::size_t kind = 0; kind < sources.size(); ++kind) {
    // Two constraints of different kinds may leave a small beam without a way on; each alone never does.
    const bool is_one = sources[kind].allowed.size() + !sources[kind].phrases.empty() == 1;
    for (std::int64_t seed = 0; seed < 40; ++seed) {
      CAPTURE(seed);
      CAPTURE(kind);
      DecodingOptions options = options_of(std::vector{1, 2, 3, 5, 8}[seed % 5], seed % 2 * 0.6, 5 + seed % 4);
      options.n_best = std::min(options.beam_size, 2);
      if (seed % 7 == 0) options.sampling = SamplingOptions{.seed = 3, .stream = static_cast<std::uint64_t>(seed)};
      if (options.sampling) options.beam_size = 1;
      if (options.sampling) options.length_penalty = 0;
      if (seed % 5 == 3 && options.beam_size % 2 == 1 && options.beam_size > 1 && !options.sampling) {
        options.groups = options.beam_size;
        options.diversity_penalty = 0.5;
      }
      try {
        for (const Hypothesis& hypothesis : search_one(seed, 5, options, sources[kind])) {
          CHECK(keeps(sources[kind], hypothesis.ids));
          double sum = 0;  // scores are those of the model
          for (const float log_prob : hypothesis.token_log_probs) sum += log_prob;
          Ids tokens = hypothesis.ids;
          if (hypothesis.finished) tokens.push_back(kMarks.end);
          double expected = 0;
          const ReferenceModel model = history_reference(seed, 5);
          for (std::size_t t = 0; t < tokens.size(); ++t) {
            const Ids before(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(t));
            expected += model.log_probs(before)[static_cast<std::size_t>(tokens[t])];
          }
          CHECK(sum == doctest::Approx(expected).epsilon(1e-5));
        }
      } catch (const ValueError& error) {
        CHECK_MESSAGE(!is_one, error.what());
      }
    }
  }
}

TEST_CASE("constraints: what cannot be is an error that names the source") {
  const auto check_impossible = [](const SourceOptions& source) {
    for (const int beam_size : {1, 4}) {
      CHECK_THROWS_WITH_AS(search_one(1, 5, options_of(beam_size, 0.0, 3), source),
                           doctest::Contains("search: the options leave source 0 no hypothesis"), ValueError);
    }
  };
  SourceOptions source;
  source.allowed = {regex_automaton("z+", letters(5))};
  check_impossible(source);
  source.allowed = {regex_automaton("a{4}", letters(5))};  // longer than max_length
  check_impossible(source);
  source.allowed = {token_trie({{2}}), token_trie({{3}})};
  check_impossible(source);
  source.allowed = {token_trie({{2}})};
  source.phrases = {{3}};
  check_impossible(source);
  source.allowed.clear();
  source.phrases = {{2, 3, 4}, {4, 4}};
  check_impossible(source);
  source.phrases = {{2, 3}, {3, 4}};  // abc
  CHECK(search_one(1, 5, options_of(1, 0.0, 3), source)[0].ids == Ids{2, 3, 4});
}

TEST_CASE("constraints: those that do not fit the model are refused") {
  SourceOptions source;
  source.allowed = {regex_automaton("a", letters(4))};
  CHECK_THROWS_WITH_AS(search_one(1, 5, options_of(1, 0, 3), source), doctest::Contains("the model has 5"), ValueError);
  source.allowed = {token_trie({{5}})};
  CHECK_THROWS_AS(search_one(1, 5, options_of(1, 0, 3), source), IndexError);
  source.allowed = {token_trie({{2, 0}})};
  CHECK_THROWS_WITH_AS(search_one(1, 5, options_of(1, 0, 3), source), doctest::Contains("end mark"), ValueError);
  source.allowed.clear();
  source.phrases = {{2}, {7}};
  CHECK_THROWS_WITH_AS(search_one(1, 5, options_of(1, 0, 3), source),
                       doctest::Contains("phrase 1 of source 0 has token 7"), IndexError);
  source.phrases = {{0}};
  CHECK_THROWS_WITH_AS(search_one(1, 5, options_of(1, 0, 3), source), doctest::Contains("end mark"), ValueError);
  source.phrases = {{}};
  CHECK_THROWS_WITH_AS(search_one(1, 5, options_of(1, 0, 3), source), doctest::Contains("phrase 0 is empty"),
                       ValueError);
}

TEST_CASE("constraints: a batch of sources with their own constraints") {
  const std::vector<SourceOptions> sources = some_constraints();
  std::vector<std::int64_t> seeds(sources.size());
  for (std::size_t i = 0; i < seeds.size(); ++i) seeds[i] = static_cast<std::int64_t>(i);
  const DecodingOptions options = options_of(40, 0.0, 6);
  HistoryModel model(seeds, 5);
  const std::vector<std::vector<Hypothesis>> together = search(model, kMarks, options, sources);
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const std::vector<Hypothesis> alone = search_one(seeds[i], 5, options, sources[i]);
    CHECK(together[i][0].ids == alone[0].ids);
    CHECK(together[i][0].score == alone[0].score);
  }
}

namespace {

// Beam search with phrases, by its rules: all candidates are lists of tokens.
std::vector<ReferenceHypothesis> phrase_search(const ReferenceModel& model, std::int64_t vocabulary,
                                               const DecodingOptions& options, const std::vector<Ids>& phrases) {
  const auto beam_size = static_cast<std::size_t>(options.beam_size);
  // The longest beginning of a phrase that the tokens end with; all of it once they contain it.
  const auto met = [&](const Ids& tokens, const Ids& phrase) -> std::size_t {
    if (contains(tokens, phrase)) return phrase.size();
    for (std::size_t n = std::min(phrase.size(), tokens.size()); n > 0; --n) {
      if (std::equal(phrase.begin(), phrase.begin() + static_cast<std::ptrdiff_t>(n),
                     tokens.end() - static_cast<std::ptrdiff_t>(n))) {
        return n;
      }
    }
    return 0;
  };
  const auto bank = [&](const Ids& tokens) {
    std::size_t sum = 0;
    for (const Ids& phrase : phrases) sum += met(tokens, phrase);
    return sum;
  };
  std::size_t all_met = 0;
  for (const Ids& phrase : phrases) all_met += phrase.size();

  std::vector<ReferenceHypothesis> beam(1), finished;
  for (std::int64_t length = 1; !beam.empty() && length <= options.max_length; ++length) {
    std::vector<ReferenceHypothesis> all;
    std::vector<std::size_t> proposed;
    for (const ReferenceHypothesis& hypothesis : beam) {
      std::set<std::int64_t> wanted;
      for (const Ids& phrase : phrases) {
        const std::size_t n = met(hypothesis.tokens, phrase);
        if (n < phrase.size()) wanted.insert(phrase[n]);
      }
      const std::vector<double> log_probs = model.log_probs(hypothesis.tokens);
      std::size_t best = all.size();
      for (std::int64_t v = 0; v < vocabulary; ++v) {
        if (v == kMarks.end && bank(hypothesis.tokens) < all_met) continue;
        all.push_back(hypothesis);
        all.back().tokens.push_back(v);
        all.back().log_prob += log_probs[static_cast<std::size_t>(v)];
        all.back().score = all.back().log_prob;
        if (all.back().log_prob > all[best].log_prob) best = all.size() - 1;
        if (wanted.count(v) > 0) proposed.push_back(all.size() - 1);
      }
      proposed.push_back(best);
    }
    std::vector<std::size_t> order(all.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return all[a].log_prob > all[b].log_prob; });
    std::vector<std::vector<std::size_t>> banks(all_met + 1);
    for (std::size_t place = 0; place < order.size(); ++place) {
      const bool is_proposed = std::count(proposed.begin(), proposed.end(), order[place]) > 0;
      if (place < 2 * beam_size || is_proposed) banks[bank(all[order[place]].ids())].push_back(order[place]);
    }
    std::vector<std::size_t> places;
    for (std::size_t round = 0; places.size() < order.size() && round < order.size(); ++round) {
      for (std::size_t b = banks.size(); b-- > 0;) {
        if (round < banks[b].size()) places.push_back(banks[b][round]);
      }
    }
    const std::size_t taken = std::min(beam_size, places.size());
    std::vector<ReferenceHypothesis> alive;
    for (std::size_t k = 0; k < places.size(); ++k) {
      const ReferenceHypothesis& candidate = all[places[k]];
      if (k < taken && candidate.finished()) finished.push_back(candidate);
      if (!candidate.finished() && alive.size() < taken) alive.push_back(candidate);
    }
    beam = std::move(alive);
    sort_by_score(finished);
    if (finished.size() < static_cast<std::size_t>(options.n_best)) continue;
    const double last = finished[static_cast<std::size_t>(options.n_best) - 1].score;
    if (std::all_of(beam.begin(), beam.end(), [&](const auto& row) { return row.log_prob <= last; })) break;
  }
  finished.resize(std::min(finished.size(), static_cast<std::size_t>(options.n_best)));
  return finished;
}

}  // namespace

TEST_CASE("phrases: equal to a slow search with banks over random models") {
  const std::vector<std::vector<Ids>> choices = {
      {{3}}, {{2, 3, 4}}, {{2, 2, 3}}, {{2, 3}, {3, 4}}, {{4}, {2, 2}, {5, 3}}};
  for (std::int64_t seed = 0; seed < 150; ++seed) {
    CAPTURE(seed);
    DecodingOptions options = options_of(1 + static_cast<int>(seed) % 7, 0.0, 60);  // far from max_length
    options.n_best = 1 + static_cast<int>(seed / 11) % std::min(options.beam_size, 2);
    SourceOptions source;
    source.phrases = choices[static_cast<std::size_t>(seed) % choices.size()];
    const std::vector<Hypothesis> found = search_one(seed, 7, options, source);
    const std::vector<ReferenceHypothesis> expected =
        phrase_search(history_reference(seed, 7), 7, options, source.phrases);
    REQUIRE(found.size() == expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      CHECK(found[i].ids == expected[i].ids());
      CHECK(found[i].score == doctest::Approx(expected[i].score).epsilon(1e-5));
    }
  }
}

TEST_CASE("phrases: what has been met falls back when a hypothesis leaves a phrase") {
  const Phrases phrases({{2, 2, 3}, {3, 4}});
  Phrases::State state = phrases.start();
  const auto read = [&](std::int64_t token) { return phrases.tokens_met(state = phrases.next(state, token)); };
  CHECK(read(2) == 1);
  CHECK(read(2) == 2);
  CHECK(read(2) == 2);  // the last two are still its beginning
  CHECK(read(4) == 0);
  CHECK(read(2) == 1);
  CHECK(phrases.wanted(state) == Ids{2, 3});
  CHECK(read(2) == 2);
  CHECK(read(3) == 4);  // met, and the other one has begun
  CHECK(read(2) == 3);  // met for good
  CHECK(phrases.wanted(state) == Ids{3});
  CHECK(read(3) == 4);
  CHECK(read(4) == 5);
  CHECK(phrases.is_met(state));
}

TEST_CASE("phrases: whether they fit is what trying everything says") {
  const std::vector<std::vector<Ids>> choices = {
      {{0, 1, 0}}, {{0, 1}, {1, 2}}, {{0, 0, 1}, {0, 1, 1}, {1, 0}}, {{2}, {1, 2}}};
  for (const std::vector<Ids>& choice : choices) {
    const Phrases phrases(choice);
    // All texts of at most three tokens as beginnings, and what at most five more can make of them.
    std::vector<Ids> beginnings{{}};
    for (std::size_t i = 0; i < beginnings.size(); ++i) {
      if (beginnings[i].size() == 3) continue;
      for (std::int64_t token = 0; token < 3; ++token) {
        beginnings.push_back(beginnings[i]);
        beginnings.back().push_back(token);
      }
    }
    for (const Ids& beginning : beginnings) {
      Phrases::State state = phrases.start();
      for (const std::int64_t token : beginning) state = phrases.next(state, token);
      std::set<Phrases::State> reached{state};
      for (std::int64_t room = 0; room <= 5; ++room) {
        const bool expected =
            std::any_of(reached.begin(), reached.end(), [&](const auto& s) { return phrases.is_met(s); });
        CHECK(phrases.fits(state, room) == expected);
        std::set<Phrases::State> behind = reached;
        for (const Phrases::State& from : reached) {
          for (std::int64_t token = 0; token < 3; ++token) behind.insert(phrases.next(from, token));
        }
        reached = std::move(behind);
      }
    }
  }
}

TEST_CASE("banks: they take turns, the fullest one first") {
  const std::vector<std::int64_t> banks{0, 0, 2, 0, 1, 2};
  CHECK(order_by_banks(banks) == std::vector<std::size_t>{2, 4, 0, 5, 1, 3});
  CHECK(order_by_banks({}).empty());
}

TEST_CASE("trace: the hypotheses follow from what it says about candidates alone") {
  using Json = nlohmann::json;
  std::vector<SourceOptions> sources = some_constraints();
  sources.emplace_back();  // without constraints
  for (std::int64_t seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    DecodingOptions options = options_of(1 + static_cast<int>(seed) % 5, seed % 3 * 0.4, 8);
    options.trace = true;
    options.n_best = 1 + static_cast<int>(seed) % options.beam_size;
    if (options.beam_size == 4) {
      options.groups = 2;
      options.diversity_penalty = 0.3;
      options.n_best = 1;
    }
    const SourceOptions& source = sources[static_cast<std::size_t>(seed) % sources.size()];
    std::vector<Hypothesis> found;
    try {
      found = search_one(seed, 5, options, source);
    } catch (const ValueError&) {
      continue;  // a small beam without a way on
    }
    const Json trace = Json::parse(found[0].trace->json());
    CHECK(trace["format"] == "pyseq.beam_trace/1");
    std::map<std::pair<std::int64_t, std::int64_t>, Json> nodes;
    std::vector<std::pair<double, std::pair<std::int64_t, std::int64_t>>> finished;
    std::size_t candidates = 0;
    for (const Json& step : trace["steps"]) {
      for (const Json& candidate : step["candidates"]) {
        ++candidates;
        if (candidate["fate"] != "alive") CHECK(!candidate["why"].get<std::string>().empty());
        if (candidate["node"].is_null()) continue;
        const std::pair key(step["beam"].get<std::int64_t>(), candidate["node"].get<std::int64_t>());
        CHECK(nodes.emplace(key, candidate).second);
        if (candidate["fate"] == "finished") finished.emplace_back(candidate["score"].get<double>(), key);
      }
    }
    CHECK(candidates % 5 == 0);  // every token of every row has a line
    std::stable_sort(finished.begin(), finished.end(), [&](const auto& a, const auto& b) {
      return a.first != b.first ? a.first > b.first : a.second.first < b.second.first;
    });
    for (std::size_t i = 0; i < found.size() && options.groups == 1; ++i) {
      Ids tokens;
      double log_prob = 0;
      auto [beam, node] = finished[i].second;
      for (Json at = nodes.at({beam, node}); true; at = nodes.at({beam, at["parent"].get<std::int64_t>()})) {
        tokens.insert(tokens.begin(), at["token"].get<std::int64_t>());
        log_prob += at["token_log_prob"].get<double>();
        if (at["parent"].is_null()) break;
      }
      if (tokens.back() == trace["options"]["end"]) tokens.pop_back();
      CHECK(tokens == found[i].ids);
      CHECK(finished[i].first == found[i].score);
      CHECK(nodes.at({beam, node})["log_prob"].get<double>() == doctest::Approx(log_prob));
    }
    CHECK(finished[0].first == found[0].score);
    CHECK(trace["hypotheses"].size() == found.size());
  }
}
