// Searches for what follows prompts.
#include <algorithm>
#include <numeric>
#include <span>
#include <utility>

#include "base/threads.h"
#include "decode/batch_size.h"
#include "decode/constraints/vocabulary_constraints.h"
#include "decode/prompt_reader.h"
#include "decode/session_pool.h"
#include "decode/text_writer.h"
#include "pyseq/generator.h"

namespace pyseq {
namespace {

using Ids = std::vector<std::int64_t>;

/// Options of every prompt. What is drawn for one does not depend on how prompts are put into batches.
std::vector<SourceOptions> source_options(const std::vector<Ids>& prompts, const std::vector<SourceOptions>& each) {
  if (!each.empty() && each.size() != prompts.size()) {
    throw ValueError("generate: " + std::to_string(each.size()) + " source options, expected none or one per prompt (" +
                     std::to_string(prompts.size()) + ")");
  }
  std::vector<SourceOptions> result = each;
  result.resize(prompts.size());
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    if (!result[i].context.empty()) {
      throw ValueError("generate: prompt " + std::to_string(i) + " has a context, expected the prompt alone");
    }
    result[i].context = prompts[i];
    if (!result[i].stream && !result[i].seed) result[i].stream = i;
  }
  return result;
}

Continuation to_continuation(Hypothesis hypothesis, const Vocabulary& vocabulary, bool begins_text) {
  Continuation result;
  static_cast<Hypothesis&>(result) = std::move(hypothesis);
  for (const std::int64_t id : result.ids) {
    result.tokens.push_back(vocabulary.token(id));
    result.text += joined_after(result.tokens.back(), vocabulary.unit(), begins_text);
    begins_text = false;
  }
  return result;
}

}  // namespace

std::vector<std::vector<Continuation>> Generator::generate_batch(const std::vector<std::string>& prompts,
                                                                 const DecodingOptions& options,
                                                                 const std::vector<SourceOptions>& each) const {
  DecodingOptions complete = options;
  if (complete.max_length == 0) complete.max_length = std::max(max_length_, complete.min_length);
  complete.validate(vocabulary_->size());
  std::vector<Ids> ids;
  for (const std::string& prompt : prompts) ids.push_back(encode_prompt(prompt));
  const std::vector<SourceOptions> all_options = source_options(ids, each);

  // Those of like length together: they are read together.
  std::vector<std::size_t> order(prompts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return ids[a].size() > ids[b].size(); });
  std::vector<std::vector<Continuation>> results(prompts.size());
  const auto batch_size = static_cast<std::size_t>(sources_per_batch(complete));
  const auto length_of = [&](std::size_t i) {
    return length_after(static_cast<std::int64_t>(ids[i].size()), complete.max_length);
  };
  for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    DecodingOptions own = complete;  // of those that may become equally long
    own.max_length = length_of(order[begin]);
    own.min_length = std::min(own.min_length, own.max_length);
    while (end < order.size() && end - begin < batch_size && length_of(order[end]) == own.max_length) ++end;
    const auto batch = std::span(order).subspan(begin, end - begin);
    std::vector<SourceOptions> batch_options;
    for (const std::size_t i : batch) batch_options.push_back(all_options[i]);
    std::vector<std::vector<Hypothesis>> found = search_batch(own, batch_options);
    for (std::size_t row = 0; row < batch.size(); ++row) {
      for (Hypothesis& one : found[row]) {
        results[batch[row]].push_back(to_continuation(std::move(one), *vocabulary_, prompts[batch[row]].empty()));
      }
    }
  }
  return results;
}

std::vector<std::vector<Hypothesis>> Generator::search_batch(const DecodingOptions& options,
                                                             const std::vector<SourceOptions>& each) const {
  std::vector<Ids> prompts;
  for (const SourceOptions& source : each) prompts.push_back(source.context);
  const Marks marks{.start = start_.value_or(0), .end = end_.value_or(kNoEndMark)};
  std::vector<std::vector<Hypothesis>> found;
  SessionPool::Lease lease(*sessions_);
  with_team([&] {  // the workers stay awake from step to step
    ProgramStepModel model(*lease, read_prompts(*lease, prompts, options.limits));
    found = search(model, marks, options, each);
  });
  return found;
}

std::vector<std::int64_t> Generator::phrase(std::string_view text) const {
  return known_ids(*vocabulary_, text, "phrases");
}

}  // namespace pyseq
