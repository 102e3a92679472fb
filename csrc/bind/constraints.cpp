// pyseq/constraints.h: what a search may write.
#include "bind/constraints.h"

#include <pybind11/stl.h>

#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace pyseq {

std::vector<PyTokenAutomaton> as_python(const std::vector<std::shared_ptr<const TokenAutomaton>>& automata) {
  std::vector<PyTokenAutomaton> result;
  for (const auto& automaton : automata) result.push_back({automaton});
  return result;
}

std::vector<std::shared_ptr<const TokenAutomaton>> as_core(const std::vector<PyTokenAutomaton>& automata) {
  std::vector<std::shared_ptr<const TokenAutomaton>> result;
  for (const PyTokenAutomaton& automaton : automata) result.push_back(automaton.automaton);
  return result;
}

namespace {

using Ids = std::vector<std::int64_t>;

bool accepts(const PyTokenAutomaton& self, const Ids& ids) {
  const TokenAutomaton& automaton = *self.automaton;
  TokenAutomaton::State state = automaton.start();
  for (const std::int64_t id : ids) {
    if (state == TokenAutomaton::kDead) return false;
    state = automaton.next(state, id);
  }
  return state != TokenAutomaton::kDead && automaton.is_accepting(state);
}

Ids allowed_after(const PyTokenAutomaton& self, const Ids& ids, std::int64_t vocabulary,
                  std::optional<std::int64_t> room) {
  const TokenAutomaton& automaton = *self.automaton;
  automaton.check(vocabulary, -1);
  TokenAutomaton::State state = automaton.start();
  for (const std::int64_t id : ids) {
    if (state != TokenAutomaton::kDead) state = automaton.next(state, id);
  }
  if (state == TokenAutomaton::kDead) return {};
  std::vector<float> scores(static_cast<std::size_t>(vocabulary), 0.0f);
  automaton.restrict(state, room.value_or(TokenAutomaton::kNever), scores);
  Ids result;
  for (std::int64_t token = 0; token < vocabulary; ++token) {
    if (!std::isinf(scores[static_cast<std::size_t>(token)])) result.push_back(token);
  }
  return result;
}

}  // namespace

void bind_constraints(py::module_& module) {
  py::class_<PyTokenAutomaton>(module, "TokenAutomaton", "A set of token sequences; what a search may write.")
      .def("accepts", accepts, py::arg("ids"), "Whether a sequence is one of the set.")
      .def("allowed_after", allowed_after, py::arg("ids"), py::arg("vocabulary"), py::arg("room") = py::none(),
           "Tokens that may follow a beginning, where `room` tokens are left for all that follows.")
      .def_property_readonly(
          "name", [](const PyTokenAutomaton& self) { return self.automaton->name(); }, "What kind of set it is.");
  module.def(
      "token_trie", [](const std::vector<Ids>& sequences) { return PyTokenAutomaton{token_trie(sequences)}; },
      py::arg("sequences"), "Accepts exactly these sequences.");
  module.def(
      "regex_automaton",
      [](const std::string& pattern, std::vector<std::string> token_texts, const std::string& separator) {
        const GilRelease no_gil;
        return PyTokenAutomaton{regex_automaton(pattern, std::move(token_texts), separator)};
      },
      py::arg("pattern"), py::arg("token_texts"), py::arg("separator") = "",
      "Accepts the sequences whose texts, joined, match the whole pattern; tokens without text are never allowed.");
  module.def(
      "regex_matches", [](const std::string& pattern, const std::string& text) { return regex_matches(pattern, text); },
      py::arg("pattern"), py::arg("text"), "Whether a whole text matches a pattern.");
}

}  // namespace pyseq
