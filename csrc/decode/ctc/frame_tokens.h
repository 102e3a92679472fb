// The tokens of a frame that a search tries.
#pragma once

#include <cstdint>
#include <vector>

#include "pyseq/ctc_decoder.h"

namespace pyseq {

/// Tokens of a frame that are tried, likeliest first, the blank left out.
class CtcFrameTokens {
 public:
  struct Entry {
    float log_prob;
    std::int32_t token;
  };

  CtcFrameTokens(const CtcOptions& options, std::int64_t classes, std::int64_t blank, bool is_plain);

  void choose(const float* log_probs);
  const std::vector<Entry>& entries() const { return entries_; }
  /// Whether a token is tried. Where all are, nothing was written down.
  bool has(std::int32_t token) const { return takes_all_ || chosen_[static_cast<std::size_t>(token)] != 0; }

 private:
  void add(std::int64_t token, float log_prob);
  void sort_best(std::size_t count);

  std::int64_t classes_, blank_, most_;
  float least_;
  bool takes_all_;
  std::vector<Entry> entries_;
  std::vector<std::uint8_t> chosen_;
  std::vector<float> values_;  // of the best classes, where few of many are wanted; else empty
  std::vector<std::int64_t> classes_found_;
};

}  // namespace pyseq
