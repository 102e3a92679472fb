#include "capi/texts.h"

#include <limits>

size_t pyseq_texts_count(const pyseq_texts* texts) {
  return texts == nullptr ? 0 : texts->entries.size();
}

const char* pyseq_texts_text(const pyseq_texts* texts, size_t index) {
  return index < pyseq_texts_count(texts) ? texts->entries[index].first.c_str() : nullptr;
}

double pyseq_texts_score(const pyseq_texts* texts, size_t index) {
  return index < pyseq_texts_count(texts) ? texts->entries[index].second : std::numeric_limits<double>::quiet_NaN();
}

void pyseq_texts_free(pyseq_texts* texts) {
  delete texts;
}
