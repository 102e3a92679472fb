// Captioner: pictures in, hypotheses out, from a program file whose task is "captioner".
#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pyseq/decode.h"
#include "pyseq/program.h"

namespace pyseq {

class SessionPool;

struct Caption : Hypothesis {
  std::string text;
  std::vector<std::string> tokens;
};

/// Immutable and usable from many threads at once.
class Captioner {
 public:
  static Captioner load(const std::filesystem::path& file, const LoadOptions& options = {});
  /// FormatError: the program's task is not "captioner" or is incomplete.
  explicit Captioner(std::shared_ptr<const Program> program);

  /// For each picture its n-best captions, best first. images: [batch, height, width, channels] of `image_size`,
  /// float32 from 0 (black) to 1 or uint8 from 0 to 255. `each` is empty or has the options of every picture. The
  /// result does not depend on the batching.
  std::vector<std::vector<Caption>> caption_batch(const Tensor& images, const DecodingOptions& options = {},
                                                  const std::vector<SourceOptions>& each = {}) const;
  /// The best one of one picture [height, width, channels].
  Caption caption(const Tensor& image, const DecodingOptions& options = {}) const;

  /// For DecodingOptions::allowed and SourceOptions::phrases, as those of Translator.
  std::shared_ptr<const TokenAutomaton> regex(std::string_view pattern) const;
  std::shared_ptr<const TokenAutomaton> trie(const std::vector<std::string>& texts) const;
  std::vector<std::int64_t> phrase(std::string_view text) const;

  const Program& program() const { return *program_; }
  const Vocabulary& vocabulary() const { return *vocabulary_; }
  /// Height, width and channels of a picture.
  const std::array<std::int64_t, 3>& image_size() const { return image_size_; }
  /// Rows and columns of the places that attention is given for; zeros where the model has none.
  const std::array<std::int64_t, 2>& grid() const { return grid_; }
  std::int64_t default_max_length() const { return max_length_; }

 private:
  Tensor checked(const Tensor& images) const;

  std::shared_ptr<const Program> program_;
  std::shared_ptr<SessionPool> sessions_;
  std::shared_ptr<const Vocabulary> vocabulary_;
  std::array<std::int64_t, 3> image_size_{};
  std::array<std::int64_t, 2> grid_{};
  Marks marks_;
  std::optional<AttentionSource> attention_;
  std::int64_t max_length_ = 0;
};

}  // namespace pyseq
