#include "decode/unknown_words.h"

#include <algorithm>

namespace pyseq {
void check_unknown(const Vocabulary& target) {
  if (!target.unknown()) throw ValueError("replace_unknowns: the target vocabulary has no unknown token");
}

void replace_unknowns(const std::vector<std::string>& source, const Vocabulary& target,
                      const TranslationOptions& options, Translation& translation) {
  bool has_changed = false;
  for (std::size_t t = 0; t < translation.ids.size(); ++t) {
    if (translation.ids[t] != target.unknown()) continue;
    // Marks that the model puts behind a source are no words of it.
    const auto positions = std::min<std::size_t>(source.size(), translation.attention.size(1));
    const float* row =
        translation.attention.data<float>() + static_cast<std::int64_t>(t) * translation.attention.size(1);
    const std::string& word = source[static_cast<std::size_t>(std::max_element(row, row + positions) - row)];
    const auto known = options.dictionary.find(word);
    translation.tokens[t] = known == options.dictionary.end() ? word : known->second;
    has_changed = true;
  }
  if (has_changed) translation.text = target.join(translation.tokens);
}

}  // namespace pyseq
