// Beam search over a batch of sources: every source has a Beam, and the rows of all beams are the rows of the model.
// A source that is done leaves the batch. Sources never look at each other, so the batch does not change a result.
#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "base/threads.h"
#include "decode/beam.h"
#include "decode/log_probs.h"
#include "pyseq/decode.h"

namespace pyseq {
namespace {

constexpr std::int64_t kDefaultMaxLength = 256;
// Logits below which another thread is not worth waking.
constexpr std::int64_t kLogitsPerChunk = 32768;

using Prefixes = std::vector<std::vector<std::int64_t>>;

void check_prefixes(const Prefixes& prefixes, std::int64_t sources, const Marks& marks,
                    const DecodingOptions& options) {
  if (!prefixes.empty() && static_cast<std::int64_t>(prefixes.size()) != sources) {
    throw ValueError("search: " + std::to_string(prefixes.size()) + " prefixes, expected none or one per source (" +
                     std::to_string(sources) + ")");
  }
  for (std::size_t i = 0; i < prefixes.size(); ++i) {
    const std::string prefix = "search: prefix " + std::to_string(i);
    if (static_cast<std::int64_t>(prefixes[i].size()) > options.max_length) {
      throw ValueError(prefix + " has " + std::to_string(prefixes[i].size()) + " tokens, more than max_length (" +
                       std::to_string(options.max_length) + ")");
    }
    if (std::count(prefixes[i].begin(), prefixes[i].end(), marks.end) > 0) {
      throw ValueError(prefix + " contains the end mark (" + std::to_string(marks.end) + ")");
    }
  }
}

void check_vocabulary(std::int64_t vocabulary, const Marks& marks, const DecodingOptions& options,
                      const Prefixes& prefixes) {
  const std::string outside = ", outside the model's vocabulary of " + std::to_string(vocabulary);
  if (marks.end < 0 || marks.end >= vocabulary) {
    throw ValueError("search: the end mark is " + std::to_string(marks.end) + outside);
  }
  for (std::size_t i = 0; i < prefixes.size(); ++i) {
    for (const std::int64_t token : prefixes[i]) {
      if (token < 0 || token >= vocabulary) {
        throw IndexError("search: prefix " + std::to_string(i) + " has token " + std::to_string(token) + outside);
      }
    }
  }
  options.validate(vocabulary);
}

class BatchSearch {
 public:
  BatchSearch(StepModel& model, std::int64_t sources, const Marks& marks, const DecodingOptions& options,
              const Prefixes& prefixes)
      : model_(model), marks_(marks), options_(options), prefixes_(prefixes) {
    beams_.reserve(static_cast<std::size_t>(sources));
    for (std::int64_t source = 0; source < sources; ++source) {
      const auto prefix = prefixes.empty() ? std::span<const std::int64_t>() : std::span(prefixes[source]);
      beams_.emplace_back(options_, marks_, prefix, source);
      searching_.push_back({&beams_.back(), source});
    }
  }
  BatchSearch(const BatchSearch&) = delete;
  BatchSearch& operator=(const BatchSearch&) = delete;

  std::vector<std::vector<Hypothesis>> run() {
    while (!searching_.empty()) {
      options_.limits.check();
      step();
      std::erase_if(searching_, [](const Searching& source) { return source.beam->rows().empty(); });
      reorder();
    }
    std::vector<std::vector<Hypothesis>> results;
    for (const Beam& beam : beams_) results.push_back(beam.hypotheses(attention_));
    return results;
  }

 private:
  struct Searching {
    Beam* beam;
    std::int64_t first_row;  // of the beam in the last step of the model
  };

  void step() {
    std::vector<std::int64_t> tokens;
    for (Searching& source : searching_) {
      source.first_row = static_cast<std::int64_t>(tokens.size());
      for (const Beam::Row& row : source.beam->rows()) tokens.push_back(row.token);
    }
    num_rows_ = static_cast<std::int64_t>(tokens.size());

    const Tensor logits = model_.step(Tensor::from<std::int64_t>({num_rows_, 1}, tokens), options_.limits);
    const bool first_step = vocabulary_ == 0;
    vocabulary_ = check_logits("search", logits, num_rows_, 1, vocabulary_);
    if (first_step) check_vocabulary(vocabulary_, marks_, options_, prefixes_);
    if (options_.return_attention) keep_attention(first_step);
    advance_beams(logits.data<float>());
  }

  void keep_attention(bool first_step) {
    const Tensor attention = model_.attention();
    if (!attention.defined() && attention_.empty()) return;
    if (first_step && attention.rank() == 3) positions_ = attention.size(2);
    if (attention.shape() != Shape{num_rows_, 1, positions_}) {
      throw ShapeError("search: the model's attention has shape " + attention.shape().to_string() + ", expected [" +
                       std::to_string(num_rows_) + ", 1, source positions], with as many positions at every step");
    }
    if (attention.dtype() != DType::float32) {
      throw DTypeError(std::string("search: the model's attention is ") + dtype_name(attention.dtype()) +
                       ", expected float32");
    }
    // A copy: the model may use its memory again in the next step.
    attention_.push_back(attention.copy().reshaped({num_rows_, positions_}));
  }

  void advance_beams(const float* logits) {
    const auto sources = static_cast<std::int64_t>(searching_.size());
    const std::int64_t grain = std::max<std::int64_t>(1, kLogitsPerChunk * sources / (num_rows_ * vocabulary_));
    parallel_for(sources, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t first_row = searching_[i].first_row;
        searching_[i].beam->advance(logits + first_row * vocabulary_, vocabulary_, first_row);
      }
    });
  }

  // Brings the model's rows into the order of the beams' rows.
  void reorder() {
    std::vector<std::int64_t> parents;
    bool moved = false;
    for (const Searching& source : searching_) {
      for (const Beam::Row& row : source.beam->rows()) {
        const std::int64_t parent = source.first_row + row.parent;
        moved |= parent != static_cast<std::int64_t>(parents.size());
        parents.push_back(parent);
      }
    }
    moved |= static_cast<std::int64_t>(parents.size()) != num_rows_;
    if (moved && !parents.empty()) model_.reorder(parents);
  }

  StepModel& model_;
  const Marks marks_;
  const DecodingOptions options_;
  const Prefixes& prefixes_;
  std::vector<Beam> beams_;           // one per source
  std::vector<Searching> searching_;  // those that are not done
  std::vector<Tensor> attention_;     // one per step: [rows, source positions]
  std::int64_t positions_ = 0;
  std::int64_t num_rows_ = 0;  // of the last step
  std::int64_t vocabulary_ = 0;
};

}  // namespace

std::vector<std::vector<Hypothesis>> search(StepModel& model, std::int64_t sources, const Marks& marks,
                                            const DecodingOptions& options, const Prefixes& prefixes) {
  if (sources < 0) throw ValueError("search: sources is " + std::to_string(sources) + ", expected 0 or more");
  DecodingOptions complete = options;
  if (complete.max_length == 0) complete.max_length = std::max(kDefaultMaxLength, complete.min_length);
  complete.validate();
  check_prefixes(prefixes, sources, marks, complete);
  return BatchSearch(model, sources, marks, complete, prefixes).run();
}

}  // namespace pyseq
