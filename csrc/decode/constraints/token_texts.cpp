#include "decode/constraints/token_texts.h"

#include <algorithm>
#include <utility>

namespace pyseq {

TokenTexts::TokenTexts(std::vector<std::string> texts) : texts_(std::move(texts)) {
  for (std::size_t token = 0; token < texts_.size(); ++token) {
    if (!texts_[token].empty()) sorted_.push_back({static_cast<std::int64_t>(token), 0});
    longest_ = std::max(longest_, texts_[token].size());
  }
  std::sort(sorted_.begin(), sorted_.end(),
            [&](const Entry& a, const Entry& b) { return (*this)[a.token] < (*this)[b.token]; });
  for (std::size_t i = 1; i < sorted_.size(); ++i) {
    const std::string &before = (*this)[sorted_[i - 1].token], &text = (*this)[sorted_[i].token];
    const std::size_t length = std::min(before.size(), text.size());
    const auto differ =
        std::mismatch(before.begin(), before.begin() + static_cast<std::ptrdiff_t>(length), text.begin());
    sorted_[i].common = static_cast<std::size_t>(differ.first - before.begin());
  }
}

}  // namespace pyseq
