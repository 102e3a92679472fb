// The search of a batch of sources: the rows of all their beams are the rows of the model. A source that is done leaves
// the batch. Sources never look at each other, so the batch does not change a result.
#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "base/threads.h"
#include "decode/log_probs.h"
#include "decode/source_search.h"
#include "decode/trace_recorder.h"
#include "pyseq/decode.h"

namespace pyseq {
namespace {

constexpr std::int64_t kDefaultMaxLength = 256;
// Logits below which another thread is not worth waking.
constexpr std::int64_t kLogitsPerChunk = 32768;

using Ids = std::vector<std::int64_t>;
using Sources = std::vector<SourceOptions>;

void check_sources(const Sources& sources, const Marks& marks, const DecodingOptions& options) {
  bool has_prefix = false;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const std::string prefix = "search: prefix " + std::to_string(i);
    const Ids& tokens = sources[i].prefix;
    has_prefix |= !tokens.empty();
    if (options.prefix_bias == 0 && static_cast<std::int64_t>(tokens.size()) > options.max_length) {
      throw ValueError(prefix + " has " + std::to_string(tokens.size()) + " tokens, more than max_length (" +
                       std::to_string(options.max_length) + ")");
    }
    if (std::count(tokens.begin(), tokens.end(), marks.end) > 0) {
      throw ValueError(prefix + " contains the end mark (" + std::to_string(marks.end) + ")");
    }
    if (sources[i].seed && !options.sampling) {
      throw ValueError("search: source " + std::to_string(i) + " has a seed, expected sampling options with it");
    }
  }
  if (options.prefix_bias != 0 && !has_prefix && !sources.empty()) {
    throw ValueError("search: prefix_bias is " + std::to_string(options.prefix_bias) + ", expected a prefix with it");
  }
}

class TokenCheck {
 public:
  explicit TokenCheck(std::int64_t vocabulary) : vocabulary_(vocabulary) {}

  /// `what` starts the sentence: "search: prefix 3".
  void operator()(const std::string& what, const Ids& tokens) const {
    for (const std::int64_t token : tokens) {
      if (token >= 0 && token < vocabulary_) continue;
      throw IndexError(what + " has token " + std::to_string(token) + ", outside the model's vocabulary of " +
                       std::to_string(vocabulary_));
    }
  }

 private:
  std::int64_t vocabulary_;
};

void check_vocabulary(std::int64_t vocabulary, const Marks& marks, const DecodingOptions& options,
                      const Sources& sources) {
  if (marks.end != kNoEndMark && (marks.end < 0 || marks.end >= vocabulary)) {
    throw ValueError("search: the end mark is " + std::to_string(marks.end) + ", outside the model's vocabulary of " +
                     std::to_string(vocabulary));
  }
  const TokenCheck check(vocabulary);
  for (std::size_t i = 0; i < sources.size(); ++i) {
    check("search: prefix " + std::to_string(i), sources[i].prefix);
    check("search: the context of source " + std::to_string(i), sources[i].context);
    check("search: the vocabulary of source " + std::to_string(i), sources[i].vocabulary);
    for (const auto& automaton : sources[i].allowed) automaton->check(vocabulary, marks.end);
    Phrases(sources[i].phrases).check(vocabulary, marks.end, static_cast<std::int64_t>(i));
  }
  const TokenOptions& tokens = options.tokens;
  check("search: suppress", tokens.suppress);
  check("search: suppress_first", tokens.suppress_first);
  check("search: vocabulary", tokens.vocabulary);
  for (const Ids& sequence : tokens.suppress_sequences) check("search: suppress_sequences", sequence);
  for (const auto& bias : tokens.biases) check("search: biases", {bias.first});
  for (const auto& automaton : options.allowed) automaton->check(vocabulary, marks.end);
  options.validate(vocabulary);
}

class BatchSearch {
 public:
  BatchSearch(StepModel& model, const Marks& marks, const DecodingOptions& options, const Sources& sources)
      : model_(model), setup_(options, marks), sources_(sources) {
    searches_.reserve(sources.size());
    for (std::size_t i = 0; i < sources.size(); ++i) {
      searches_.emplace_back(setup_, sources[i], static_cast<std::int64_t>(i));
      searching_.push_back(&searches_.back());
    }
  }
  BatchSearch(const BatchSearch&) = delete;
  BatchSearch& operator=(const BatchSearch&) = delete;

  std::vector<std::vector<Hypothesis>> run() {
    while (!searching_.empty()) {
      setup_.options.limits.check();
      step();
      report();
      std::erase_if(searching_, [](const SourceSearch* source) { return source->is_done(); });
      reorder();
    }
    std::vector<std::vector<Hypothesis>> results;
    for (const SourceSearch& source : searches_) results.push_back(source.hypotheses(attention_));
    return results;
  }

 private:
  void step() {
    std::vector<std::int64_t> tokens;
    for (SourceSearch* source : searching_) source->add_tokens(tokens);
    num_rows_ = static_cast<std::int64_t>(tokens.size());

    const DecodingOptions& options = setup_.options;
    const Tensor logits = model_.step(Tensor::from<std::int64_t>({num_rows_, 1}, tokens), options.limits);
    const bool first_step = vocabulary_ == 0;
    vocabulary_ = check_logits("search", logits, num_rows_, 1, vocabulary_);
    if (first_step) {
      check_vocabulary(vocabulary_, setup_.marks, options, sources_);
      look_ahead();
    }
    StepAnswer answer{logits.data<float>(), vocabulary_, nullptr, 0, model_.gives_scores()};
    if (options.return_attention || setup_.score.needs_coverage()) keep_attention(first_step);
    if (!attention_.empty()) {
      answer.attention = attention_.back().data<float>();
      answer.positions = positions_;
    }
    advance(answer);
  }

  // Sources that differ in nothing share what is known of their constraints.
  void look_ahead() {
    std::shared_ptr<const JointLookahead> common;
    bool is_made = false;
    for (SourceSearch* search : searching_) {
      const SourceOptions& own = sources_[static_cast<std::size_t>(search->number())];
      if (!own.allowed.empty() || !own.phrases.empty() || !own.vocabulary.empty() || !own.prefix.empty()) {
        search->look_ahead(search->joint_constraints(vocabulary_));
        continue;
      }
      if (!is_made) common = search->joint_constraints(vocabulary_);
      is_made = true;
      search->look_ahead(common);
    }
  }

  void keep_attention(bool first_step) {
    const Tensor attention = model_.attention();
    if (!attention.defined() && setup_.score.needs_coverage()) {
      throw ValueError("search: coverage_penalty is " + std::to_string(setup_.options.coverage_penalty) +
                       ", expected 0 with a model that gives no attention");
    }
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

  void advance(const StepAnswer& answer) {
    const auto sources = static_cast<std::int64_t>(searching_.size());
    const std::int64_t grain = std::max<std::int64_t>(1, kLogitsPerChunk * sources / (num_rows_ * vocabulary_));
    parallel_for(sources, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) searching_[static_cast<std::size_t>(i)]->advance(answer);
    });
  }

  // Tells those who look on, and does what they want.
  void report() {
    const DecodingOptions& options = setup_.options;
    if (options.observer != nullptr) {
      for (const SourceSearch* source : searching_) source->report(*options.observer);
    }
    if (!options.on_step) return;
    bool stop_all = false;
    for (SourceSearch* source : searching_) {
      const Verdict verdict = options.on_step(source->progress());
      if (verdict == Verdict::stop_source) source->stop();
      stop_all |= verdict == Verdict::stop_all;
    }
    if (!stop_all) return;
    for (SourceSearch* source : searching_) source->stop();
  }

  // Brings the model's rows into the order of the beams' rows.
  void reorder() {
    std::vector<std::int64_t> parents;
    for (const SourceSearch* source : searching_) source->add_parents(parents);
    bool moved = static_cast<std::int64_t>(parents.size()) != num_rows_;
    for (std::size_t i = 0; i < parents.size(); ++i) moved |= parents[i] != static_cast<std::int64_t>(i);
    if (moved && !parents.empty()) model_.reorder(parents);
  }

  StepModel& model_;
  const SearchSetup setup_;
  const Sources& sources_;
  std::vector<SourceSearch> searches_;    // one per source
  std::vector<SourceSearch*> searching_;  // those that are not done
  std::vector<Tensor> attention_;         // one per step: [rows, source positions]
  std::int64_t positions_ = 0;
  std::int64_t num_rows_ = 0;  // of the last step
  std::int64_t vocabulary_ = 0;
};

}  // namespace

std::vector<std::vector<Hypothesis>> search(StepModel& model, const Marks& marks, const DecodingOptions& options,
                                            const std::vector<SourceOptions>& sources) {
  DecodingOptions complete = options;
  if (complete.max_length == 0) complete.max_length = std::max(kDefaultMaxLength, complete.min_length);
  complete.validate();
  check_sources(sources, marks, complete);
  if (!complete.trace) return BatchSearch(model, marks, complete, sources).run();

  TraceRecorder recorder(marks, complete, sources.size());
  complete.observer = &recorder;
  std::vector<std::vector<Hypothesis>> found = BatchSearch(model, marks, complete, sources).run();
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (Hypothesis& hypothesis : found[i]) hypothesis.trace = recorder.trace(i);
  }
  return found;
}

std::vector<std::vector<Hypothesis>> search(StepModel& model, std::int64_t sources, const Marks& marks,
                                            const DecodingOptions& options, const std::vector<Ids>& prefixes) {
  if (sources < 0) throw ValueError("search: sources is " + std::to_string(sources) + ", expected 0 or more");
  if (!prefixes.empty() && static_cast<std::int64_t>(prefixes.size()) != sources) {
    throw ValueError("search: " + std::to_string(prefixes.size()) + " prefixes, expected none or one per source (" +
                     std::to_string(sources) + ")");
  }
  Sources each(static_cast<std::size_t>(sources));
  for (std::size_t i = 0; i < prefixes.size(); ++i) each[i].prefix = prefixes[i];
  return search(model, marks, options, each);
}

}  // namespace pyseq
