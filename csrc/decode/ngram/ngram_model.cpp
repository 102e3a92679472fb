#include "pyseq/ngram.h"

#include <algorithm>
#include <cmath>

#include "decode/ngram/tables.h"
#include "io/files.h"
#include "text/quoting.h"

namespace pyseq {
namespace {

constexpr std::int32_t kNoNode = -1;

/// Follows the arrays of a model. Numbers are checked as they are followed: a mapped file is not read when it is
/// opened.
class Walk {
 public:
  explicit Walk(const NgramTables& tables)
      : tables_(tables),
        words_(static_cast<std::int32_t>(tables.num_words())),
        inner_(static_cast<std::int32_t>(tables.num_inner())),
        nodes_(static_cast<std::int32_t>(tables.num_nodes())) {}

  std::int32_t child(std::int32_t node, std::int32_t word) const {
    if (node >= inner_) return kNoNode;
    const std::int32_t *begin = children(node), *end = children(node + 1);
    if (begin > end) fail();
    const std::int32_t* const found = std::lower_bound(begin, end, word);
    if (found == end || *found != word) return kNoNode;
    return static_cast<std::int32_t>(found - tables_.words.data()) + words_;
  }

  bool has_children(std::int32_t node) const { return node < inner_ && children(node) < children(node + 1); }

  /// The next shorter context; it stands before its node, so that walks end.
  std::int32_t suffix(std::int32_t node) const {
    if (node < words_) return NgramModel::kEmpty;
    const std::int32_t suffix = tables_.suffix[static_cast<std::size_t>(node - words_)];
    if (suffix < 0 || suffix >= node) fail();
    return suffix;
  }

  float backoff(std::int32_t node) const {
    if (node >= inner_) return 0;
    const float value = tables_.backoffs[static_cast<std::size_t>(node)];
    if (!std::isfinite(value)) fail();
    return value;
  }

  float log_prob(std::int32_t node) const {
    const float value = tables_.log_probs[static_cast<std::size_t>(node)];
    if (!(value <= 0 && std::isfinite(value))) fail();
    return value;
  }

  /// The context that a node is for what follows: one that nothing continues and that costs nothing to leave is none.
  NgramModel::State state(std::int32_t node) const {
    while (node >= 0 && !has_children(node) && backoff(node) == 0) node = suffix(node);
    return node;
  }

  /// Words of the n-gram of a node.
  int order(std::int32_t node) const {
    int order = 1;
    for (std::int64_t end = words_; node >= end; ++order) end += tables_.counts[static_cast<std::size_t>(order)];
    return order;
  }

 private:
  const std::int32_t* children(std::int32_t node) const {
    const std::int32_t first = tables_.first_child[static_cast<std::size_t>(node)];
    if (first < words_ || first > nodes_) fail();
    return tables_.words.data() + (first - words_);
  }

  [[noreturn]] void fail() const { throw FormatError("'" + tables_.name + "': its arrays do not fit together"); }

  const NgramTables& tables_;
  std::int32_t words_, inner_, nodes_;
};

}  // namespace

NgramModel::NgramModel(std::unique_ptr<const NgramTables> tables) : tables_(std::move(tables)) {}
NgramModel::~NgramModel() = default;

std::shared_ptr<const NgramModel> NgramModel::load(const std::filesystem::path& file) {
  const FileBytes content = open_file(file, true);
  return read(content.bytes, content.owner, file.string());
}

std::shared_ptr<const NgramModel> NgramModel::read(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                                                   const std::string& name) {
  auto tables = is_ngram_file(bytes) ? read_ngram_file(bytes, std::move(owner), name) : read_arpa(bytes, name);
  return std::shared_ptr<const NgramModel>(new NgramModel(std::move(tables)));
}

std::vector<std::byte> NgramModel::to_bytes() const {
  return write_ngram_file(*tables_);
}
void NgramModel::save(const std::filesystem::path& file) const {
  write_file_atomically(file, to_bytes());
}

int NgramModel::order() const {
  return static_cast<int>(tables_->counts.size());
}
std::vector<std::int64_t> NgramModel::counts() const {
  return tables_->counts;
}
std::int64_t NgramModel::vocabulary_size() const {
  return tables_->num_words();
}

std::string_view NgramModel::word(Word word) const {
  if (word < 0 || word >= tables_->num_words()) {
    throw IndexError("NgramModel.word: " + std::to_string(word) + " is outside the vocabulary of " +
                     std::to_string(tables_->num_words()));
  }
  return tables_->word(word);
}

NgramModel::Word NgramModel::find(std::string_view word) const {
  const auto found = tables_->numbers.find(word);
  return found == tables_->numbers.end() ? tables_->unknown : found->second;
}

bool NgramModel::contains(std::string_view word) const {
  return tables_->numbers.count(word) > 0;
}

NgramModel::State NgramModel::begin() const {
  return tables_->sentence_begin < 0 ? kEmpty : Walk(*tables_).state(tables_->sentence_begin);
}

NgramModel::Step NgramModel::step(State state, Word word) const {
  const Walk walk(*tables_);
  float log_prob = 0;
  std::int32_t node = kNoNode;
  for (; state != kEmpty; state = walk.suffix(state)) {
    if (word != kUnknown) node = walk.child(state, word);
    if (node != kNoNode) break;
    log_prob += walk.backoff(state);
  }
  if (word == kUnknown) return {log_prob + kUnknownLog10, kEmpty, 0};
  if (node == kNoNode) node = word;
  const int order = word == tables_->unknown ? 0 : walk.order(node);
  return {log_prob + walk.log_prob(node), walk.state(node), order};
}

float NgramModel::end(State state) const {
  return tables_->sentence_end < 0 ? 0 : step(state, tables_->sentence_end).log10_prob;
}

std::vector<NgramModel::Step> NgramModel::score(std::span<const std::string> words, bool begin, bool end) const {
  std::vector<Step> steps;
  State state = begin ? this->begin() : kEmpty;
  for (const std::string& word : words) {
    steps.push_back(step(state, find(word)));
    state = steps.back().state;
  }
  if (end && tables_->sentence_end >= 0) steps.push_back(step(state, tables_->sentence_end));
  return steps;
}

}  // namespace pyseq
