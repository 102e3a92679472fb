#include "decode/constraints/vocabulary_constraints.h"

#include <algorithm>

#include "text/quoting.h"
#include "text/subwords.h"

namespace pyseq {

std::vector<std::int64_t> known_ids(const Vocabulary& vocabulary, std::string_view text, std::string_view what) {
  std::vector<std::int64_t> ids = vocabulary.encode(text);
  if (vocabulary.unknown() && std::count(ids.begin(), ids.end(), *vocabulary.unknown()) > 0) {
    throw ValueError(std::string(what) + ": " + in_quotes(text) + " has parts that the vocabulary does not know");
  }
  return ids;
}

std::string shown_text(const Vocabulary& vocabulary, std::int64_t id) {
  return vocabulary.unit() == TextUnit::subword ? with_spaces(vocabulary.token(id)) : vocabulary.token(id);
}

std::string separator_of(const Vocabulary& vocabulary) {
  return vocabulary.unit() == TextUnit::word ? " " : "";
}

std::shared_ptr<const TokenAutomaton> regex_over(const Vocabulary& vocabulary, std::string_view pattern,
                                                 const std::vector<std::int64_t>& marks) {
  std::vector<std::string> texts(vocabulary.tokens().begin(), vocabulary.tokens().end());
  for (const std::int64_t mark : marks) texts[static_cast<std::size_t>(mark)].clear();
  if (vocabulary.unknown()) texts[static_cast<std::size_t>(*vocabulary.unknown())].clear();
  if (vocabulary.unit() == TextUnit::subword) {
    for (std::string& text : texts) text = with_spaces(text);
    regex_matches(pattern, "");  // complains with the positions of the pattern as it was given
    // The space before the first word is no part of a text.
    return regex_automaton(" ?(?:" + std::string(pattern) + ")", std::move(texts));
  }
  return regex_automaton(pattern, std::move(texts), separator_of(vocabulary));
}

std::shared_ptr<const TokenAutomaton> trie_over(const Vocabulary& vocabulary, const std::vector<std::string>& texts) {
  std::vector<std::vector<std::int64_t>> sequences;
  for (const std::string& text : texts) sequences.push_back(known_ids(vocabulary, text, "trie"));
  return token_trie(sequences);
}

}  // namespace pyseq
