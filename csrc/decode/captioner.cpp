#include "pyseq/captioner.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/threads.h"
#include "decode/attention_field.h"
#include "decode/batch_size.h"
#include "decode/constraints/vocabulary_constraints.h"
#include "decode/session_pool.h"
#include "decode/task_fields.h"

namespace pyseq {
namespace {

constexpr const char* kKind = "captioner";

template <std::size_t count>
std::array<std::int64_t, count> sizes(const TaskFields& task, const char* name) {
  const std::vector<std::int64_t> found = task.ids(name);
  if (found.size() != count || std::count(found.begin(), found.end(), 0) > 0) {
    task.reject("\"" + std::string(name) + "\" is not a list of " + std::to_string(count) + " sizes");
  }
  std::array<std::int64_t, count> result{};
  std::copy(found.begin(), found.end(), result.begin());
  return result;
}

/// Bytes as numbers from 0 to 1.
Tensor as_floats(const Tensor& images) {
  if (images.dtype() == DType::float32) return images;
  Tensor result = Tensor::empty(DType::float32, images.shape());
  const auto* from = images.data<std::uint8_t>();
  float* to = result.mutable_data<float>();
  for (std::int64_t i = 0; i < images.num_elements(); ++i) to[i] = static_cast<float>(from[i]) / 255.0F;
  return result;
}

State encode(Session& session, const Tensor& images, const RunLimits& limits) {
  State state = session.new_state(images.size(0));
  RunOptions options;
  options.limits = limits;
  session.run("encode", {{"images", images}}, &state, options);
  return state;
}

/// Options of every picture. What is drawn for one does not depend on how pictures are put into batches.
std::vector<SourceOptions> source_options(std::size_t pictures, const std::vector<SourceOptions>& each) {
  if (!each.empty() && each.size() != pictures) {
    throw ValueError("caption: " + std::to_string(each.size()) + " source options, expected none or one per picture (" +
                     std::to_string(pictures) + ")");
  }
  std::vector<SourceOptions> result = each;
  result.resize(pictures);
  for (std::size_t i = 0; i < pictures; ++i) {
    if (!result[i].stream && !result[i].seed) result[i].stream = i;
  }
  return result;
}

Caption to_caption(Hypothesis hypothesis, const Vocabulary& vocabulary) {
  Caption result;
  static_cast<Hypothesis&>(result) = std::move(hypothesis);
  for (const std::int64_t id : result.ids) result.tokens.push_back(vocabulary.token(id));
  result.text = vocabulary.decode(result.ids);
  return result;
}

}  // namespace

Captioner Captioner::load(const std::filesystem::path& file, const LoadOptions& options) {
  return Captioner(Program::load(file, options));
}

Captioner::Captioner(std::shared_ptr<const Program> program)
    : program_(std::move(program)), sessions_(std::make_shared<SessionPool>(program_)) {
  const TaskFields task(program_->task(), kKind);
  vocabulary_ = require_vocabulary(*program_, kKind, task.text("vocabulary"));
  image_size_ = sizes<3>(task, "image");
  marks_ = {task.integer("start", 0), task.integer("end", 0)};
  require_id(marks_.start, "start", kKind, *vocabulary_);
  require_id(marks_.end, "end", kKind, *vocabulary_);
  max_length_ = task.integer("max_length", 1);
  attention_ = attention_field(task);
  if (attention_) grid_ = sizes<2>(task, "grid");
  for (const char* function : {"encode", "step"}) require_function(*program_, kKind, function);
}

std::vector<std::vector<Caption>> Captioner::caption_batch(const Tensor& images, const DecodingOptions& options,
                                                           const std::vector<SourceOptions>& each) const {
  DecodingOptions complete = options;
  if (complete.max_length == 0) complete.max_length = std::max(max_length_, complete.min_length);
  complete.validate(vocabulary_->size());
  const Tensor pictures = checked(images);
  const std::vector<SourceOptions> all_options = source_options(static_cast<std::size_t>(pictures.size(0)), each);
  const bool needs_attention = complete.return_attention || complete.coverage_penalty != 0;
  std::vector<std::vector<Caption>> results;
  SessionPool::Lease lease(*sessions_);
  Session& session = *lease;
  const std::int64_t batch_size = sources_per_batch(complete);
  for (std::int64_t begin = 0; begin < pictures.size(0); begin += batch_size) {
    const Tensor batch = pictures.rows(begin, std::min(batch_size, pictures.size(0) - begin));
    const std::vector<SourceOptions> batch_options(all_options.begin() + begin,
                                                   all_options.begin() + begin + batch.size(0));
    std::vector<std::vector<Hypothesis>> found;
    with_team([&] {  // the workers stay awake from step to step
      ProgramStepModel model(session, encode(session, batch, complete.limits),
                             needs_attention ? attention_ : std::nullopt);
      found = search(model, marks_, complete, batch_options);
    });
    for (std::vector<Hypothesis>& hypotheses : found) {
      results.emplace_back();
      for (Hypothesis& one : hypotheses) results.back().push_back(to_caption(std::move(one), *vocabulary_));
    }
  }
  return results;
}

Caption Captioner::caption(const Tensor& image, const DecodingOptions& options) const {
  if (image.rank() != 3) {
    throw ShapeError("caption: the image has shape " + image.shape().to_string() +
                     ", expected [height, width, channels]");
  }
  const Tensor batch = image.reshaped({1, image.size(0), image.size(1), image.size(2)});
  return std::move(caption_batch(batch, options)[0][0]);
}

std::shared_ptr<const TokenAutomaton> Captioner::regex(std::string_view pattern) const {
  return regex_over(*vocabulary_, pattern, {marks_.start, marks_.end});
}

std::shared_ptr<const TokenAutomaton> Captioner::trie(const std::vector<std::string>& texts) const {
  return trie_over(*vocabulary_, texts);
}

std::vector<std::int64_t> Captioner::phrase(std::string_view text) const {
  return known_ids(*vocabulary_, text, "phrases");
}

/// The pictures as float32. ShapeError, DTypeError: not what the model takes.
Tensor Captioner::checked(const Tensor& images) const {
  const bool fits = images.rank() == 4 && images.size(1) == image_size_[0] && images.size(2) == image_size_[1] &&
                    images.size(3) == image_size_[2];
  if (!fits) {
    throw ShapeError("caption: images have shape " + images.shape().to_string() + ", expected [batch, " +
                     std::to_string(image_size_[0]) + ", " + std::to_string(image_size_[1]) + ", " +
                     std::to_string(image_size_[2]) + "]");
  }
  if (images.dtype() != DType::float32 && images.dtype() != DType::uint8) {
    throw DTypeError("caption: images have dtype " + std::string(dtype_name(images.dtype())) +
                     ", expected float32 or uint8");
  }
  return as_floats(images);
}

}  // namespace pyseq
