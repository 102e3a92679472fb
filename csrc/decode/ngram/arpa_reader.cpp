// ARPA files, read strictly: every n-gram's context and words must stand in the orders before it, as many n-grams as
// announced, probabilities at most 1.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <numeric>
#include <optional>

#include "decode/ngram/tables.h"
#include "pyseq/error.h"
#include "text/quoting.h"
#include "text/utf8.h"

namespace pyseq {
namespace {

constexpr std::int64_t kMostNodes = std::int64_t{1} << 31;
constexpr std::int64_t kLeastLine = 4;  // bytes of an n-gram: "0 w\n"

/// The arrays while they grow.
struct Storage {
  std::vector<char> text;
  std::vector<std::int64_t> ends;
  std::vector<float> log_probs, backoffs;
  std::vector<std::int32_t> words, suffix, first_child;
};

/// A piece of the file for a message, which is UTF-8.
std::string quoted(std::string_view text) {
  return find_invalid_utf8(text) ? "what is not UTF-8" : in_quotes(text);
}

/// An n-gram above order 1 as its line gives it.
struct Entry {
  std::int32_t context, word;
  float log_prob, backoff;
};

class ArpaReader {
 public:
  ArpaReader(std::string_view text, const std::string& name)
      : rest_(text), bytes_(static_cast<std::int64_t>(text.size())), tables_(std::make_unique<NgramTables>()) {
    tables_->name = name;
  }

  std::unique_ptr<NgramTables> read() {
    read_header();
    read_unigrams();
    for (int order = 2; order <= orders(); ++order) read_order(order);
    expect_end();
    return finish();
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw FormatError("'" + tables_->name + "' line " + std::to_string(line_number_) + ": " + what);
  }

  int orders() const { return static_cast<int>(tables_->counts.size()); }

  /// The next line that is not empty, without what ends it; nothing at the end of the file.
  std::optional<std::string_view> next_line() {
    while (!rest_.empty()) {
      const std::size_t end = std::min(rest_.find('\n'), rest_.size());
      std::string_view line = rest_.substr(0, end);
      rest_.remove_prefix(std::min(end + 1, rest_.size()));
      ++line_number_;
      while (!line.empty() && is_blank(line.back())) line.remove_suffix(1);
      if (!line.empty()) return line;
    }
    return std::nullopt;
  }

  static bool is_blank(char character) { return character == ' ' || character == '\t' || character == '\r'; }

  /// Cuts the first field off a line; empty at its end.
  static std::string_view next_field(std::string_view& line) {
    std::size_t begin = 0;
    while (begin < line.size() && is_blank(line[begin])) ++begin;
    std::size_t end = begin;
    while (end < line.size() && !is_blank(line[end])) ++end;
    const std::string_view field = line.substr(begin, end - begin);
    line.remove_prefix(end);
    return field;
  }

  float number(std::string_view field, const char* what) const {
    float value = 0;
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
    if (error == std::errc::result_out_of_range && !field.empty()) {
      // Too small to matter, or too large to be accepted.
      if (field.find("e-") != std::string_view::npos || field.find("E-") != std::string_view::npos) return 0;
    }
    if (error != std::errc() || end != field.data() + field.size() || !std::isfinite(value)) {
      fail(std::string(what) + " is " + quoted(field) + ", expected a finite number");
    }
    return value;
  }

  float log_prob(std::string_view field) const {
    const float value = number(field, "the log-probability");
    if (value > 0) fail("the log-probability is " + quoted(field) + ", expected at most 0");
    return value;
  }

  void read_header() {
    std::optional<std::string_view> line = next_line();
    while (line && *line != "\\data\\") line = next_line();
    if (!line) fail("there is no \\data\\, expected an ARPA file");
    for (line = next_line(); line && line->substr(0, 5) == "ngram"; line = next_line()) read_count(*line);
    if (orders() == 0) fail("there is no 'ngram 1=...' behind \\data\\");
    if (std::accumulate(tables_->counts.begin(), tables_->counts.end(), std::int64_t{0}) >= kMostNodes) {
      fail("it has 2^31 n-grams or more, expected fewer");
    }
    section_ = line;
  }

  void read_count(std::string_view line) {
    std::string_view rest = line.substr(5);
    while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
    const std::size_t equals = rest.find('=');
    int order = 0;
    std::int64_t count = -1;
    if (equals != std::string_view::npos) {
      const char* const end = rest.data() + rest.size();
      const auto [left, left_error] = std::from_chars(rest.data(), rest.data() + equals, order);
      const char* begin = rest.data() + equals + 1;
      while (begin < end && is_blank(*begin)) ++begin;
      const auto [right, right_error] = std::from_chars(begin, end, count);
      if (left_error != std::errc() || left != rest.data() + equals) order = 0;
      if (right_error != std::errc() || right != end) count = -1;
    }
    if (order != orders() + 1 || order > kMostNgramOrders || count < 0) {
      fail(quoted(line) + ", expected 'ngram " + std::to_string(orders() + 1) + "=COUNT'");
    }
    if (count > bytes_ / kLeastLine) fail(quoted(line) + " promises more n-grams than the file has room for");
    tables_->counts.push_back(count);
  }

  void begin_section(int order) {
    const std::string expected = "\\" + std::to_string(order) + "-grams:";
    if (!section_) fail("the file ends, expected " + expected);
    if (*section_ != expected) fail(quoted(*section_) + ", expected " + expected);
  }

  /// The lines of a section, given to `read`; then the next section's first line is at hand.
  template <typename Read>
  void each_line(int order, Read read) {
    begin_section(order);
    const std::int64_t count = tables_->counts[static_cast<std::size_t>(order - 1)];
    std::int64_t seen = 0;
    std::optional<std::string_view> line = next_line();
    for (; line && line->front() != '\\'; line = next_line()) {
      if (++seen > count) fail("there are more " + std::to_string(order) + "-grams than the " + announced(count));
      read(*line);
    }
    if (seen < count) {
      fail("there are " + std::to_string(seen) + " " + std::to_string(order) + "-grams, expected the " +
           announced(count));
    }
    section_ = line;
  }

  static std::string announced(std::int64_t count) { return std::to_string(count) + " that \\data\\ announces"; }

  float backoff(std::string_view line, int order) const {
    const std::string_view field = next_field(line);
    if (field.empty()) return 0;
    if (order == orders() || !next_field(line).empty()) {
      fail("it has more fields than a " + std::to_string(order) + "-gram" +
           (order == orders() ? " of the highest order" : ""));
    }
    return number(field, "the back-off weight");
  }

  void read_unigrams() {
    const auto count = static_cast<std::size_t>(tables_->counts[0]);
    storage_->ends.reserve(count);
    storage_->log_probs.reserve(count);
    each_line(1, [this](std::string_view line) {
      storage_->log_probs.push_back(log_prob(next_field(line)));
      const std::string_view word = next_field(line);
      if (word.empty()) fail("the word is missing");
      if (find_invalid_utf8(word)) fail("the word is not UTF-8");
      if (!tables_->numbers.emplace(word, static_cast<std::int32_t>(storage_->ends.size())).second) {
        fail("the word " + quoted(word) + " stands here again");
      }
      storage_->text.insert(storage_->text.end(), word.begin(), word.end());
      storage_->ends.push_back(static_cast<std::int64_t>(storage_->text.size()));
      if (orders() > 1) {
        storage_->backoffs.push_back(backoff(line, 1));
      } else {
        backoff(line, 1);
      }
    });
    if (orders() > 1) storage_->first_child.push_back(static_cast<std::int32_t>(tables_->counts[0]));
    order_begin_ = 0;
  }

  void read_order(int order) {
    std::vector<Entry> entries;
    entries.reserve(static_cast<std::size_t>(tables_->counts[static_cast<std::size_t>(order - 1)]));
    last_context_ = {};
    each_line(order, [&](std::string_view line) { entries.push_back(read_entry(line, order)); });
    const auto precedes = [](const Entry& a, const Entry& b) {
      return a.context != b.context ? a.context < b.context : a.word < b.word;
    };
    if (!std::is_sorted(entries.begin(), entries.end(), precedes)) std::sort(entries.begin(), entries.end(), precedes);
    add_nodes(entries, order);
  }

  Entry read_entry(std::string_view line, int order) {
    Entry entry{};
    entry.log_prob = log_prob(next_field(line));
    std::string_view context = line, word;
    for (int i = 0; i < order; ++i) {
      if (i == order - 1)
        context = std::string_view(context.data(), static_cast<std::size_t>(line.data() - context.data()));
      word = next_field(line);
      if (word.empty()) fail("it has " + std::to_string(i) + " words, expected " + std::to_string(order));
    }
    entry.context = context_node(context, order - 1);
    entry.word = word_number(word);
    entry.backoff = backoff(line, order);
    return entry;
  }

  std::int32_t word_number(std::string_view word) const {
    const auto found = tables_->numbers.find(word);
    if (found == tables_->numbers.end()) fail("the word " + quoted(word) + " is not among the 1-grams");
    return found->second;
  }

  /// The node of the words of `context`. Neighbouring lines often share it.
  std::int32_t context_node(std::string_view context, int words) {
    if (context == last_context_) return last_node_;
    last_context_ = context;
    std::int32_t node = word_number(next_field(context));
    for (int i = 1; i < words; ++i) {
      const std::optional<std::int32_t> next = child(node, word_number(next_field(context)));
      if (!next) fail("its context is not among the " + std::to_string(i + 1) + "-grams");
      node = *next;
    }
    last_node_ = node;
    return node;
  }

  /// The node of an n-gram continued by a word. The orders before the current one are complete.
  std::optional<std::int32_t> child(std::int32_t node, std::int32_t word) const {
    const auto n = static_cast<std::size_t>(node);
    if (n + 1 >= storage_->first_child.size()) return std::nullopt;
    const auto begin = storage_->words.begin() + (storage_->first_child[n] - num_words()),
               end = storage_->words.begin() + (storage_->first_child[n + 1] - num_words());
    const auto found = std::lower_bound(begin, end, word);
    if (found == end || *found != word) return std::nullopt;
    return static_cast<std::int32_t>(found - storage_->words.begin()) + num_words();
  }

  std::int32_t num_words() const { return static_cast<std::int32_t>(tables_->counts[0]); }

  void add_nodes(const std::vector<Entry>& entries, int order) {
    const auto order_begin = static_cast<std::int32_t>(storage_->log_probs.size());
    // first_child is filled for all contexts before suffixes are looked up: those need the order below alone.
    std::size_t next = 0;
    for (std::int32_t context = order_begin_; context < order_begin; ++context) {
      while (next < entries.size() && entries[next].context == context) ++next;
      storage_->first_child.push_back(order_begin + static_cast<std::int32_t>(next));
    }
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const Entry& entry = entries[i];
      if (i > 0 && entry.context == entries[i - 1].context && entry.word == entries[i - 1].word) {
        fail("of the " + std::to_string(order) + "-grams, one that ends in " + quoted(text_of(entry.word)) +
             " stands there twice");
      }
      storage_->log_probs.push_back(entry.log_prob);
      storage_->words.push_back(entry.word);
      if (order < orders()) storage_->backoffs.push_back(entry.backoff);
    }
    for (const Entry& entry : entries) storage_->suffix.push_back(suffix_of(entry));
    order_begin_ = order_begin;
  }

  std::string_view text_of(std::int32_t word) const {
    const auto n = static_cast<std::size_t>(word);
    const std::int64_t begin = n == 0 ? 0 : storage_->ends[n - 1];
    return {storage_->text.data() + begin, static_cast<std::size_t>(storage_->ends[n] - begin)};
  }

  /// The longest suffix of the context that its word continues; at the least the word.
  std::int32_t suffix_of(const Entry& entry) const {
    std::int32_t context = entry.context;
    while (context >= num_words()) {
      context = storage_->suffix[static_cast<std::size_t>(context - num_words())];
      if (const std::optional<std::int32_t> found = child(context, entry.word)) return *found;
    }
    return entry.word;
  }

  void expect_end() {
    if (!section_) fail("the file ends, expected \\end\\");
    if (*section_ != "\\end\\") fail(quoted(*section_) + ", expected \\end\\");
  }

  std::unique_ptr<NgramTables> finish() {
    tables_->numbers.clear();  // its keys are views into the file
    tables_->text = storage_->text;
    tables_->ends = storage_->ends;
    tables_->log_probs = storage_->log_probs;
    tables_->backoffs = storage_->backoffs;
    tables_->words = storage_->words;
    tables_->suffix = storage_->suffix;
    tables_->first_child = storage_->first_child;
    tables_->owner = storage_;
    tables_->index_words();
    return std::move(tables_);
  }

  std::string_view rest_;
  std::int64_t bytes_, line_number_ = 0;
  std::optional<std::string_view> section_;  // the line that begins the next section
  std::string_view last_context_;
  std::int32_t last_node_ = 0, order_begin_ = 0;
  std::shared_ptr<Storage> storage_ = std::make_shared<Storage>();
  std::unique_ptr<NgramTables> tables_;
};

}  // namespace

std::unique_ptr<NgramTables> read_arpa(std::span<const std::byte> bytes, const std::string& name) {
  return ArpaReader({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, name).read();
}

}  // namespace pyseq
