#include "io/program_tables.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <set>
#include <utility>

namespace pyseq {
namespace {

/// A session allocates states before it has seen any input: a file of a few bytes must not ask for all memory.
constexpr std::int64_t kMaxStateElements = std::int64_t{1} << 28;  // per row: 1 GiB of float32

constexpr std::size_t kPackedAlignment = 64;  // kernels read panels with aligned vector loads

std::vector<std::string> read_tokens(const ObjectReader& fields) {
  std::vector<std::string> tokens;
  const Json::array_t& list = fields.list("tokens");
  tokens.reserve(list.size());
  for (const Json& token : list) tokens.push_back(read_text(token, fields.where(), "a token"));
  return tokens;
}

TextUnit read_unit(const ObjectReader& fields) {
  const std::string& unit = fields.text("unit");
  if (unit == "character") return TextUnit::character;
  if (unit == "word") return TextUnit::word;
  if (unit == "subword") return TextUnit::subword;
  throw_format(fields.where(), "unit is " + in_quotes(unit) + ", expected 'character', 'word' or 'subword'");
}

SubwordRules read_subword_rules(const ObjectReader& fields) {
  SubwordRules rules;
  for (const Json& merge : fields.list_or_empty("merges")) {
    if (!merge.is_array() || merge.size() != 2) throw_format(fields.where(), "a merge is not a pair of ids");
    rules.merges.emplace_back(read_integer(merge[0], fields.where(), "an id of a merge"),
                              read_integer(merge[1], fields.where(), "an id of a merge"));
  }
  for (const Json& score : fields.list_or_empty("scores")) {
    if (!score.is_null() && !score.is_number()) throw_format(fields.where(), "a score is neither a number nor null");
    rules.scores.push_back(score.is_null() ? -std::numeric_limits<double>::infinity() : score.get<double>());
  }
  const Json* splits = fields.find("splits_punctuation");
  if (splits != nullptr && !splits->is_boolean()) {
    throw_format(fields.where(), "'splits_punctuation' is neither true nor false");
  }
  rules.splits_punctuation = splits != nullptr && splits->get<bool>();
  return rules;
}

std::shared_ptr<const Vocabulary> read_vocabulary(const ObjectReader& fields) {
  const TextUnit unit = read_unit(fields);
  if (unit == TextUnit::subword) {
    fields.allow_only({"unit", "tokens", "unknown", "merges", "scores", "splits_punctuation"});
  } else {
    fields.allow_only({"unit", "tokens", "unknown"});
  }
  std::optional<std::int64_t> unknown;
  const Json* id = fields.find("unknown");
  if (id != nullptr && !id->is_null()) unknown = read_integer(*id, fields.where(), "'unknown'");
  try {
    if (unit == TextUnit::subword) {
      return std::make_shared<const Vocabulary>(read_tokens(fields), unknown, read_subword_rules(fields));
    }
    return std::make_shared<const Vocabulary>(read_tokens(fields), unit, unknown);
  } catch (const ValueError& error) {
    throw_format(fields.where(), error.what());
  }
}

StateKind read_kind(const ObjectReader& fields) {
  const std::string& name = fields.text("kind");
  if (name == "carry") return StateKind::carry;
  if (name == "cache") return StateKind::cache;
  if (name == "memory") return StateKind::memory;
  if (name == "varying") return StateKind::varying;
  throw_format(fields.where(), "kind is " + in_quotes(name) + ", expected 'carry', 'cache', 'memory' or 'varying'");
}

/// Elements of one row (carry) or of one position of one row (cache).
void check_state_size(const StateInfo& state, const std::string& where) {
  std::int64_t elements = 1;
  for (const std::int64_t size : state.shape) {
    if (__builtin_mul_overflow(elements, size, &elements) || elements > kMaxStateElements) {
      throw_format(where, "shape " + Shape(state.shape).to_string() + " overflows: a state has at most " +
                              std::to_string(kMaxStateElements) + " elements per row");
    }
  }
}

void check_state_shape(const StateInfo& state, const std::string& where) {
  const auto rank = static_cast<int>(state.shape.size());
  switch (state.kind) {
    case StateKind::carry:
      if (rank >= kMaxRank) throw_format(where, "shape has rank " + std::to_string(rank) + ", no room for the batch");
      break;
    case StateKind::cache:
      if (rank != 3 || std::find(state.shape.begin(), state.shape.end(), 0) != state.shape.end()) {
        throw_format(where, "shape is " + Shape(state.shape).to_string() +
                                ", expected positive [heads, head_dim, value_dim] of a cache");
      }
      if (state.dtype != DType::float32 && state.dtype != DType::bfloat16 && state.dtype != DType::int8) {
        throw_format(where, std::string("a cache holds float32, bfloat16 or int8, not ") + dtype_name(state.dtype));
      }
      break;
    case StateKind::memory:
    case StateKind::varying:
      if (rank != 0) throw_format(where, "shape is not empty: such a state has the shape that a function gives it");
      break;
  }
  check_state_size(state, where);
}

StateInfo read_state(const ObjectReader& fields) {
  fields.allow_only({"name", "kind", "dtype", "shape"});
  StateInfo state;
  state.name = fields.name("name");
  const std::string where = "program: state " + in_quotes(state.name);
  state.kind = read_kind(fields);
  state.dtype = read_dtype_name(fields, "dtype");
  state.shape = read_sizes(fields.field("shape"), where, "shape");
  check_state_shape(state, where);
  return state;
}

/// The tensor as a packed weight: a view like the stored one, or a copy when that is not aligned for kernels.
Tensor as_packed(const Tensor& stored, const ObjectReader& fields) {
  fields.allow_only({"gates", "shape"});
  const auto gates = static_cast<int>(fields.integer("gates", 1, UINT8_MAX));
  const Shape logical(read_sizes(fields.field("shape"), fields.where(), "shape"));
  const bool is_aligned = reinterpret_cast<std::uintptr_t>(stored.raw()) % kPackedAlignment == 0;
  try {
    return Tensor::packed(logical, gates, is_aligned ? stored : stored.copy());
  } catch (const Error& error) {
    throw_format(fields.where(), error.what());
  }
}

TensorInfo describe(const std::string& name, const Tensor& tensor) {
  return {
      name, tensor.dtype(), {tensor.shape().begin(), tensor.shape().end()}, tensor.panel_gates(), tensor.num_bytes()};
}

}  // namespace

DType read_dtype_name(const ObjectReader& fields, std::string_view key) {
  constexpr std::array kDTypes = {DType::float32, DType::int64,    DType::int32,
                                  DType::uint8,   DType::bfloat16, DType::int8};
  const std::string& name = fields.text(key);
  for (const DType dtype : kDTypes) {
    if (name == dtype_name(dtype)) return dtype;
  }
  throw_format(fields.where(), "unsupported dtype " + in_quotes(name));
}

std::map<std::string, std::shared_ptr<const Vocabulary>, std::less<>> read_vocabularies(const ObjectReader& program) {
  std::map<std::string, std::shared_ptr<const Vocabulary>, std::less<>> vocabularies;
  for (const auto& [name, value] : program.object_or_empty("vocabularies")) {
    const ObjectReader fields(value, "program: vocabulary " + in_quotes(name));
    vocabularies.emplace(name, read_vocabulary(fields));
  }
  return vocabularies;
}

std::vector<StateInfo> read_states(const ObjectReader& program) {
  std::vector<StateInfo> states;
  for (const Json& value : program.list_or_empty("state")) {
    states.push_back(read_state(ObjectReader(value, "program: state " + std::to_string(states.size()))));
  }
  return states;
}

std::vector<WeightSpec> read_weights(const ObjectReader& program, std::vector<NamedTensor> tensors) {
  const Json::object_t& packed = program.object_or_empty("packed");
  std::set<std::string_view> found;
  std::vector<WeightSpec> weights;
  weights.reserve(tensors.size());
  for (NamedTensor& named : tensors) {
    const auto entry = packed.find(named.name);
    if (entry != packed.end()) {
      found.insert(entry->first);
      named.tensor = as_packed(named.tensor, ObjectReader(entry->second, "program: packed " + in_quotes(named.name)));
    }
    weights.push_back({describe(named.name, named.tensor), std::move(named.tensor)});
  }
  for (const auto& [name, value] : packed) {
    if (!found.contains(name)) throw_format("program", "packed names tensor " + in_quotes(name) + ", which is missing");
  }
  return weights;
}

}  // namespace pyseq
