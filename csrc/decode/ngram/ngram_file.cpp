// The binary form of n-gram models: the arrays of NgramTables in a safetensors file.
#include <cstring>
#include <map>
#include <numeric>

#include "decode/ngram/tables.h"
#include "io/safetensors.h"
#include "pyseq/error.h"
#include "text/quoting.h"
#include "text/utf8.h"

namespace pyseq {
namespace {

constexpr const char* kFormatKey = "pyseq.ngram";
constexpr const char* kFormat = "1";

template <typename T>
NamedTensor named(const std::string& name, std::span<const T> values) {
  // A span of chars is stored as bytes.
  using Stored = std::conditional_t<std::is_same_v<T, char>, std::uint8_t, T>;
  return {name, Tensor::constant_view(dtype_of<Stored>, {static_cast<std::int64_t>(values.size())}, values.data())};
}

/// Gives the arrays of a file by name.
class Arrays {
 public:
  Arrays(const SafetensorsFile& file, const std::string& name) : name_(name) {
    for (const NamedTensor& tensor : file.tensors) tensors_.emplace(tensor.name, tensor.tensor);
  }

  template <typename T>
  std::span<const T> get(const std::string& name, std::int64_t size) const {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) throw FormatError("'" + name_ + "': the array " + name + " is missing");
    const Tensor& tensor = found->second;
    if (tensor.dtype() != dtype_of<T> || tensor.rank() != 1 || (size >= 0 && tensor.size(0) != size)) {
      throw FormatError("'" + name_ + "': the array " + name + " is " + dtype_name(tensor.dtype()) + " " +
                        tensor.shape().to_string() + ", expected " + dtype_name(dtype_of<T>) + " [" +
                        (size >= 0 ? std::to_string(size) : "any") + "]");
    }
    return tensor.values<T>();
  }

  std::vector<Tensor> all() const {
    std::vector<Tensor> result;
    for (const auto& [name, tensor] : tensors_) result.push_back(tensor);
    return result;
  }

 private:
  std::string name_;
  std::map<std::string, Tensor> tensors_;
};

/// FormatError: no orders, or counts that 31 bits do not hold.
std::vector<std::int64_t> checked_counts(std::span<const std::int64_t> counts, const std::string& name) {
  std::int64_t total = 0;
  for (const std::int64_t count : counts) {
    if (count < 0 || count > INT32_MAX - total) throw FormatError("'" + name + "': the counts are out of range");
    total += count;
  }
  if (counts.empty() || counts.size() > kMostNgramOrders) {
    throw FormatError("'" + name + "': there are " + std::to_string(counts.size()) + " orders, expected 1 to " +
                      std::to_string(kMostNgramOrders));
  }
  return {counts.begin(), counts.end()};
}

}  // namespace

std::string_view NgramTables::word(std::int32_t word) const {
  const auto n = static_cast<std::size_t>(word);
  const std::int64_t begin = n == 0 ? 0 : ends[n - 1];
  return {text.data() + begin, static_cast<std::size_t>(ends[n] - begin)};
}

void NgramTables::index_words() {
  numbers.reserve(ends.size());
  std::int64_t begin = 0;
  for (std::size_t n = 0; n < ends.size(); ++n) {
    if (ends[n] <= begin || ends[n] > static_cast<std::int64_t>(text.size())) {
      throw FormatError("'" + name + "': the ends of its words do not ascend");
    }
    begin = ends[n];
    const std::string_view one = word(static_cast<std::int32_t>(n));
    if (find_invalid_utf8(one)) throw FormatError("'" + name + "': a word is not UTF-8");
    if (!numbers.emplace(one, static_cast<std::int32_t>(n)).second) {
      throw FormatError("'" + name + "': the word " + in_quotes(one) + " stands there twice");
    }
  }
  const auto number = [this](std::string_view word) {
    const auto found = numbers.find(word);
    return found == numbers.end() ? -1 : found->second;
  };
  unknown = number("<unk>") >= 0 ? number("<unk>") : number("<UNK>");
  sentence_begin = number("<s>");
  sentence_end = number("</s>");
}

/// A safetensors file begins with the length of its header, and that with a brace.
bool is_ngram_file(std::span<const std::byte> bytes) {
  return bytes.size() > 8 && bytes[8] == std::byte{'{'};
}

std::unique_ptr<NgramTables> read_ngram_file(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                                             const std::string& name) {
  const SafetensorsFile file = read_safetensors(bytes, std::move(owner));
  const auto format = file.metadata.find(kFormatKey);
  if (format == file.metadata.end() || format->second != kFormat) {
    throw FormatError("'" + name + "': it is no n-gram model that this version reads");
  }
  const Arrays arrays(file, name);
  auto tables = std::make_unique<NgramTables>();
  tables->name = name;
  tables->counts = checked_counts(arrays.get<std::int64_t>("counts", -1), name);
  const std::int64_t words = tables->counts[0],
                     nodes = std::accumulate(tables->counts.begin(), tables->counts.end(), std::int64_t{0}),
                     inner = nodes - tables->counts.back();
  const auto text = arrays.get<std::uint8_t>("text", -1);
  tables->text = {reinterpret_cast<const char*>(text.data()), text.size()};
  tables->ends = arrays.get<std::int64_t>("ends", words);
  tables->log_probs = arrays.get<float>("log_probs", nodes);
  tables->backoffs = arrays.get<float>("backoffs", inner);
  tables->words = arrays.get<std::int32_t>("words", nodes - words);
  tables->suffix = arrays.get<std::int32_t>("suffix", nodes - words);
  tables->first_child = arrays.get<std::int32_t>("first_child", inner > 0 ? inner + 1 : 0);
  tables->owner = std::make_shared<std::vector<Tensor>>(arrays.all());
  tables->index_words();
  return tables;
}

std::vector<std::byte> write_ngram_file(const NgramTables& tables) {
  const std::vector<NamedTensor> arrays = {
      named("counts", std::span<const std::int64_t>(tables.counts)),
      named("text", tables.text),
      named("ends", tables.ends),
      named("log_probs", tables.log_probs),
      named("backoffs", tables.backoffs),
      named("words", tables.words),
      named("suffix", tables.suffix),
      named("first_child", tables.first_child),
  };
  return write_safetensors({{kFormatKey, kFormat}}, arrays);
}

}  // namespace pyseq
