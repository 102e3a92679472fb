// embeddings/*.h: counting words and their neighbours, training word vectors. pyseq.embeddings is what people use.
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "bind/arrays.h"
#include "embeddings/cooccurrences.h"
#include "embeddings/glove_trainer.h"
#include "embeddings/huffman.h"
#include "embeddings/subword_ngrams.h"
#include "embeddings/word_counter.h"
#include "embeddings/word_trainer.h"

namespace pyseq {
namespace {

template <typename T>
py::array_t<T> array_of(const std::vector<T>& values) {
  return py::array_t<T>(static_cast<py::ssize_t>(values.size()), values.data());
}

template <typename T>
std::span<const T> values_of(const Tensor& tensor) {
  return tensor.values<T>();
}

/// The value of an option whose names are known.
template <typename Value>
Value choice(const char* option, const std::string& name, const std::map<std::string, Value>& values) {
  const auto found = values.find(name);
  if (found != values.end()) return found->second;
  std::string expected;
  for (const auto& item : values) expected += (expected.empty() ? "'" : ", '") + item.first + "'";
  throw ValueError("word vectors: " + std::string(option) + " is '" + name + "', expected one of " + expected);
}

/// Arrays that training changes in place live as long as their trainer.
struct PyWordTrainer {
  Tensor input, output;
  std::unique_ptr<WordTrainer> trainer;
};

RowLists lists_from(const py::typing::Optional<py::array>& begins, const py::typing::Optional<py::array>& rows,
                    std::int64_t words, std::int64_t input_rows) {
  if (begins.is_none()) return {};
  const Tensor from = tensor_from_array(begins, "WordTrainer", "subword_begins");
  const Tensor which = tensor_from_array(rows, "WordTrainer", "subword_rows");
  const std::span<const std::int64_t> ends = values_of<std::int64_t>(from);
  const std::span<const std::int32_t> found = values_of<std::int32_t>(which);
  bool is_valid = ends.size() == static_cast<std::size_t>(words) + 1 && ends.front() == 0 &&
                  ends.back() == static_cast<std::int64_t>(found.size());
  for (std::size_t i = 1; is_valid && i < ends.size(); ++i) is_valid = ends[i - 1] < ends[i];
  for (std::size_t i = 0; is_valid && i < found.size(); ++i) is_valid = found[i] >= 0 && found[i] < input_rows;
  if (!is_valid)
    throw ValueError("WordTrainer: subword_begins and subword_rows are no lists of input rows, one per word");
  return {{ends.begin(), ends.end()}, {found.begin(), found.end()}};
}

PyWordTrainer make_trainer(const py::array& input, const py::array& output, const py::array& counts,
                           const py::typing::Optional<py::array>& subword_begins,
                           const py::typing::Optional<py::array>& subword_rows, bool cbow, bool cbow_mean,
                           const std::string& loss, const std::string& context, int window, bool dynamic_window,
                           int negatives, double noise_power, double subsample, bool deterministic, int partitions,
                           int slice_tokens, int noise_pool, std::uint64_t seed) {
  WordOptions options{.cbow = cbow,
                      .cbow_mean = cbow_mean,
                      .loss = choice<WordLoss>("loss", loss,
                                               {{"negative", WordLoss::negative_sampling},
                                                {"hierarchical", WordLoss::hierarchical_softmax},
                                                {"softmax", WordLoss::softmax}}),
                      .context = choice<ContextChoice>("context", context,
                                                       {{"both", ContextChoice::both},
                                                        {"left", ContextChoice::left},
                                                        {"previous", ContextChoice::previous},
                                                        {"nearby", ContextChoice::nearby}}),
                      .window = window,
                      .dynamic_window = dynamic_window,
                      .negatives = negatives,
                      .noise_power = noise_power,
                      .subsample = subsample,
                      .deterministic = deterministic,
                      .partitions = partitions,
                      .slice_tokens = slice_tokens,
                      .noise_pool = noise_pool,
                      .seed = seed};
  PyWordTrainer made{tensor_from_array(input, "WordTrainer", "input"),
                     tensor_from_array(output, "WordTrainer", "output"), nullptr};
  const Tensor found = tensor_from_array(counts, "WordTrainer", "counts");
  const std::span<const std::int64_t> values = values_of<std::int64_t>(found);
  if (made.input.shape().rank() != 2 || made.output.shape().rank() != 2 ||
      made.input.shape()[1] != made.output.shape()[1]) {
    throw ShapeError("WordTrainer: input " + made.input.shape().to_string() + " and output " +
                     made.output.shape().to_string() + ", expected two matrices of the same width");
  }
  const auto words = static_cast<std::int64_t>(values.size());
  RowLists lists = lists_from(subword_begins, subword_rows, words, made.input.shape()[0]);
  const WordTables tables{words,
                          made.input.shape()[1],
                          made.input.shape()[0],
                          made.output.shape()[0],
                          made.input.mutable_data<float>(),
                          made.output.mutable_data<float>()};
  made.trainer =
      std::make_unique<WordTrainer>(options, tables, std::vector(values.begin(), values.end()), std::move(lists));
  return made;
}

using TrainedTuple = std::tuple<std::int64_t, std::int64_t, double, std::int64_t>;

TrainedTuple train(PyWordTrainer& self, const py::array& tokens, std::int64_t position, std::int64_t most,
                   std::uint64_t epoch, double first_rate, double last_rate, std::int64_t done, std::int64_t total) {
  const Tensor held = tensor_from_array(tokens, "WordTrainer", "tokens");
  const GilRelease no_gil;
  const TrainedPart part = self.trainer->train(values_of<std::int32_t>(held), position, most, epoch,
                                               {first_rate, last_rate, done, std::max<std::int64_t>(total, 1)});
  return {part.position, part.words, part.loss, part.pairs};
}

py::array_t<std::int32_t> add_text(WordCounter& self, const py::bytes& text) {
  std::vector<std::int32_t> ids;
  const std::string_view view = text;
  {
    const GilRelease no_gil;
    self.add_text(view, ids);
  }
  return array_of(ids);
}

py::array_t<std::int32_t> add_words(WordCounter& self, const std::vector<std::string>& words) {
  std::vector<std::int32_t> ids;
  for (const std::string& word : words) ids.push_back(self.add_word(word));
  if (!ids.empty()) ids.push_back(WordCounter::kSentenceEnd);
  return array_of(ids);
}

std::pair<py::array_t<std::int64_t>, py::array_t<std::int32_t>> subword_lists(const std::vector<std::string>& words,
                                                                              int min_n, int max_n,
                                                                              std::int64_t buckets) {
  std::vector<std::int64_t> begins{0};
  std::vector<std::int32_t> rows;
  const auto count = static_cast<std::int32_t>(words.size());
  for (std::int32_t word = 0; word < count; ++word) {
    rows.push_back(word);
    for (const std::int32_t bucket : subword_buckets(words[static_cast<std::size_t>(word)], min_n, max_n, buckets)) {
      rows.push_back(count + bucket);
    }
    begins.push_back(static_cast<std::int64_t>(rows.size()));
  }
  return {array_of(begins), array_of(rows)};
}

using PairArrays = std::tuple<py::array_t<std::int32_t>, py::array_t<std::int32_t>, py::array_t<float>>;

PairArrays finish(CooccurrenceCounter& self) {
  std::vector<std::int32_t> rows, columns;
  std::vector<float> counts;
  {
    const GilRelease no_gil;
    const auto unit = static_cast<double>(self.unit());
    self.finish([&](const PairCount& pair) {
      rows.push_back(static_cast<std::int32_t>(pair.key >> 32));
      columns.push_back(static_cast<std::int32_t>(pair.key & 0xFFFFFFFF));
      counts.push_back(static_cast<float>(static_cast<double>(pair.units) / unit));
    });
  }
  return {array_of(rows), array_of(columns), array_of(counts)};
}

std::int64_t finish_to_file(CooccurrenceCounter& self, const std::filesystem::path& path) {
  const GilRelease no_gil;
  struct Record {
    std::int32_t row, column;
    float count;
  };
  std::FILE* file = std::fopen(path.string().c_str(), "wb");
  if (file == nullptr) throw UnsupportedError("co-occurrences: " + path.string() + " cannot be written");
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> closer(file, std::fclose);
  std::int64_t written = 0;
  const auto unit = static_cast<double>(self.unit());
  self.finish([&](const PairCount& pair) {
    const Record record{static_cast<std::int32_t>(pair.key >> 32), static_cast<std::int32_t>(pair.key & 0xFFFFFFFF),
                        static_cast<float>(static_cast<double>(pair.units) / unit)};
    if (std::fwrite(&record, sizeof record, 1, file) != 1) {
      throw UnsupportedError("co-occurrences: writing to " + path.string() + " failed");
    }
    ++written;
  });
  if (std::fflush(file) != 0) throw UnsupportedError("co-occurrences: writing to " + path.string() + " failed");
  return written;
}

struct PyGloveTrainer {
  GloveTrainer trainer;
  bool symmetric;
  Tensor entries;  // int32 [directions, 4]: their bytes are GloveEntry

  std::span<GloveEntry> all() {
    return {reinterpret_cast<GloveEntry*>(entries.mutable_data<std::int32_t>()),
            static_cast<std::size_t>(entries.shape()[0])};
  }
};

void arrange(PyGloveTrainer& self, std::int64_t words, const py::array& rows, const py::array& columns,
             const py::array& counts, const py::array& entries) {
  const Tensor row = tensor_from_array(rows, "GloveTrainer", "rows");
  const Tensor column = tensor_from_array(columns, "GloveTrainer", "columns");
  const Tensor count = tensor_from_array(counts, "GloveTrainer", "counts");
  self.entries = tensor_from_array(entries, "GloveTrainer", "entries");
  const GilRelease no_gil;
  const std::span<const std::int32_t> first = values_of<std::int32_t>(row), second = values_of<std::int32_t>(column);
  const std::int64_t directions = GloveTrainer::directions(self.symmetric, first, second);
  if (second.size() != first.size() || count.num_elements() != row.num_elements() ||
      !(self.entries.shape() == Shape{directions, 4})) {
    throw ShapeError("GloveTrainer: entries has shape " + self.entries.shape().to_string() + ", expected [" +
                     std::to_string(directions) + ", 4]");
  }
  self.trainer.arrange(words, first, second, values_of<float>(count), self.all());
}

double train_glove(PyGloveTrainer& self, const py::array& words, const py::array& contexts, const py::array& word_sums,
                   const py::array& context_sums, std::uint64_t epoch) {
  Tensor word = tensor_from_array(words, "GloveTrainer", "words");
  Tensor context = tensor_from_array(contexts, "GloveTrainer", "contexts");
  Tensor word_sum = tensor_from_array(word_sums, "GloveTrainer", "word_sums");
  Tensor context_sum = tensor_from_array(context_sums, "GloveTrainer", "context_sums");
  const Shape& shape = word.shape();
  const bool same = context.shape() == shape && word_sum.shape() == shape && context_sum.shape() == shape;
  if (shape.rank() != 2 || shape[1] % 16 != 0 || !same) {
    throw ShapeError("GloveTrainer: words has shape " + shape.to_string() +
                     ", expected four matrices of that shape with a multiple of 16 columns");
  }
  const GloveTables tables{shape[0],
                           shape[1],
                           word.mutable_data<float>(),
                           context.mutable_data<float>(),
                           word_sum.mutable_data<float>(),
                           context_sum.mutable_data<float>()};
  const GilRelease no_gil;
  return self.trainer.train(tables, self.all(), epoch);
}

void bind_counting(py::module_& module) {
  py::class_<WordCounter>(module, "WordCounter", "Numbers the words of texts as they appear, and counts them.")
      .def(py::init<>())
      .def("add_text", add_text, py::arg("text"),
           "The numbers of the words of UTF-8 text; -1 ends a line that has words.")
      .def("add_words", add_words, py::arg("words"), "The numbers of the words of one sentence, then -1.")
      .def_property_readonly(
          "words",
          [](const WordCounter& self) { return std::vector<std::string>(self.words().begin(), self.words().end()); },
          "The words; word n has number n.")
      .def_property_readonly(
          "counts", [](const WordCounter& self) { return array_of(self.counts()); }, "How often each was met.")
      .def("__len__", [](const WordCounter& self) { return self.words().size(); });
  module.def(
      "subword_buckets",
      [](const std::string& word, int min_n, int max_n, std::int64_t buckets) {
        return subword_buckets(word, min_n, max_n, buckets);
      },
      py::arg("word"), py::arg("min_n"), py::arg("max_n"), py::arg("buckets"),
      "fastText's numbers of the character n-grams of a word.");
  module.def("subword_lists", subword_lists, py::arg("words"), py::arg("min_n"), py::arg("max_n"), py::arg("buckets"),
             "For every word the rows of itself and its n-grams (words + bucket): where lists begin, and all rows.");
  module.def(
      "huffman_tree",
      [](const std::vector<std::int64_t>& counts) {
        const HuffmanTree tree = huffman_tree(counts);
        return std::make_tuple(array_of(tree.begins), array_of(tree.nodes), array_of(tree.turns));
      },
      py::arg("counts"), "The ways from the root to each word: where they begin, inner nodes, turns.");
}

void bind_glove(py::module_& module) {
  py::class_<CooccurrenceCounter>(module, "CooccurrenceCounter", "Exact sums of how often words meet.")
      .def(py::init([](std::int64_t words, int window, bool symmetric, bool weighs_distance, std::int64_t memory_limit,
                       const std::filesystem::path& folder) {
             return std::make_unique<CooccurrenceCounter>(
                 words, CooccurrenceOptions{window, symmetric, weighs_distance, memory_limit, folder});
           }),
           py::arg("words"), py::arg("window"), py::arg("symmetric"), py::arg("weighs_distance"),
           py::arg("memory_limit"), py::arg("folder"))
      .def(
          "add",
          [](CooccurrenceCounter& self, const py::array& tokens, std::int64_t begin, std::int64_t end) {
            const Tensor held = tensor_from_array(tokens, "CooccurrenceCounter", "tokens");
            const GilRelease no_gil;
            self.add(values_of<std::int32_t>(held), begin, end);
          },
          py::arg("tokens"), py::arg("begin"), py::arg("end"),
          "Count the pairs whose later word is in tokens[begin:end].")
      .def_property_readonly("runs_written", &CooccurrenceCounter::runs_written, "Files that memory did not hold.")
      .def("finish", finish, "All pairs, ascending: words, contexts, counts. Nothing can be added afterwards.")
      .def("finish_to_file", finish_to_file, py::arg("path"),
           "Write them as records of int32, int32, float32; return how many.");
  py::class_<PyGloveTrainer>(module, "GloveTrainer", "AdaGrad on logarithms of co-occurrence counts.")
      .def(py::init([](bool symmetric, double x_max, double alpha, double learning_rate, double clip,
                       std::uint64_t seed) {
             return PyGloveTrainer{GloveTrainer({symmetric, x_max, alpha, learning_rate, clip, seed}), symmetric, {}};
           }),
           py::arg("symmetric"), py::arg("x_max"), py::arg("alpha"), py::arg("learning_rate"), py::arg("clip"),
           py::arg("seed"))
      .def("arrange", arrange, py::arg("words"), py::arg("rows"), py::arg("columns"), py::arg("counts"),
           py::arg("entries"), "Put the pairs into blocks in `entries`, int32 [directions, 4].")
      .def("train", train_glove, py::arg("words"), py::arg("contexts"), py::arg("word_sums"), py::arg("context_sums"),
           py::arg("epoch"), "Go over all pairs once, in place; return the sum of their losses.");
}

}  // namespace

void bind_embeddings(py::module_& module) {
  bind_counting(module);
  py::class_<PyWordTrainer>(module, "WordTrainer", "Trains word vectors in place on a corpus of numbers.")
      .def(py::init(&make_trainer), py::arg("input"), py::arg("output"), py::arg("counts"), py::arg("subword_begins"),
           py::arg("subword_rows"), py::arg("cbow"), py::arg("cbow_mean"), py::arg("loss"), py::arg("context"),
           py::arg("window"), py::arg("dynamic_window"), py::arg("negatives"), py::arg("noise_power"),
           py::arg("subsample"), py::arg("deterministic"), py::arg("partitions"), py::arg("slice_tokens"),
           py::arg("noise_pool"), py::arg("seed"))
      .def("train", train, py::arg("tokens"), py::arg("position"), py::arg("most"), py::arg("epoch"),
           py::arg("first_rate"), py::arg("last_rate"), py::arg("done"), py::arg("total"),
           "Train on at least `most` tokens from a position on: the next position, words, loss and pairs of a sample.");
  bind_glove(module);
}

}  // namespace pyseq
