#include <algorithm>
#include <cstring>

#include "base/arena.h"
#include "base/packing.h"
#include "graph/inspect.h"
#include "graph/output_types.h"
#include "graph/passes/pass.h"
#include "graph/program_impl.h"
#include "io/program_file.h"
#include "io/safetensors.h"

namespace pyseq {
namespace {

/// From here on, bytes to parse are kept in a file: what is laid out anew then takes memory once.
constexpr std::size_t kLargeFile = std::size_t{1} << 20;

std::string join(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "none" : text;
}

std::optional<DType> checked_storage(std::string_view option, std::optional<DType> dtype) {
  if (dtype && *dtype != DType::float32 && *dtype != DType::bfloat16 && *dtype != DType::int8) {
    throw ValueError("program: " + std::string(option) + " is " + dtype_name(*dtype) +
                     ", expected float32, bfloat16 or int8");
  }
  return dtype;
}

void set_cache_storage(ProgramSpec& spec, DType dtype) {
  for (StateInfo& state : spec.states) {
    if (state.kind == StateKind::cache) state.dtype = dtype;
  }
}

}  // namespace

const char* state_kind_name(StateKind kind) {
  switch (kind) {
    case StateKind::carry:
      return "carry";
    case StateKind::cache:
      return "cache";
    case StateKind::memory:
      return "memory";
    case StateKind::varying:
      return "varying";
  }
  return "unknown";
}

Program::Impl::Impl(FileBytes file, bool mapped, const LoadOptions& options)
    : content(std::move(file)), is_mapped(mapped), spec(read_program(content.bytes, content.owner)) {
  const std::optional<DType> storage = checked_storage("dtype", options.dtype);
  const std::optional<DType> cache_storage = checked_storage("cache_dtype", options.cache_dtype);
  if (cache_storage) set_cache_storage(spec, *cache_storage);
  for (const WeightSpec& weight : spec.weights) tensors.push_back(weight.info);
  if (options.optimize) optimize(spec, options.remove_padding);
  compiled = compile_program(spec, storage);
  if (is_mapped) drop_replaced_weights();
  // Weights on their way to another layout took memory that nothing needs any more.
  if (!compiled.replaced_weights.empty()) MemoryPool::trim();
}

void Program::Impl::drop_replaced_weights() const {
  const std::span<const std::byte> mapped = content.bytes;
  for (const int weight : compiled.replaced_weights) {
    // Folded constants are not in the file.
    if (weight >= static_cast<int>(tensors.size())) continue;
    const Tensor& tensor = spec.weights[weight].tensor;
    const auto* begin = static_cast<const std::byte*>(tensor.raw());
    // A tensor that the file does not align is a copy outside of it.
    const bool is_inside = begin >= mapped.data() && begin + tensor.num_bytes() <= mapped.data() + mapped.size();
    if (is_inside) drop_pages({begin, tensor.num_bytes()});
  }
}

const std::vector<FunctionInfo>& Program::Impl::functions() const {
  std::call_once(described_, [&] {
    const auto outputs = describe_outputs(compiled);
    for (std::size_t i = 0; i < spec.functions.size(); ++i) {
      functions_.push_back(describe_function(spec, spec.functions[i]));
      functions_[i].outputs = outputs[i];
    }
  });
  return functions_;
}

std::shared_ptr<const Program> Program::Impl::make(FileBytes file, bool mapped, const LoadOptions& options) {
  return std::shared_ptr<const Program>(new Program(std::make_unique<Impl>(std::move(file), mapped, options)));
}

Program::Program(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Program::~Program() = default;

std::shared_ptr<const Program> Program::load(const std::filesystem::path& file, const LoadOptions& options) {
  FileBytes content = open_file(file, options.mmap);
  try {
    return Impl::make(std::move(content), options.mmap, options);
  } catch (const FormatError& error) {
    throw FormatError(file.string() + ": " + error.what());
  }
}

std::shared_ptr<const Program> Program::parse(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                                              const LoadOptions& options) {
  if (owner == nullptr && bytes.size() >= kLargeFile) {
    if (std::optional<FileBytes> file = keep_in_file(bytes)) return Impl::make(std::move(*file), true, options);
  }
  if (owner == nullptr) {
    Tensor copy = Tensor::empty(DType::uint8, {static_cast<std::int64_t>(bytes.size())});
    if (!bytes.empty()) std::memcpy(copy.mutable_raw(), bytes.data(), bytes.size());
    bytes = {static_cast<const std::byte*>(copy.raw()), bytes.size()};
    owner = std::make_shared<Tensor>(std::move(copy));
  }
  return Impl::make({bytes, std::move(owner)}, false, options);
}

std::shared_ptr<const Program> Program::with_options(const LoadOptions& options) const {
  return Impl::make(impl_->content, impl_->is_mapped, options);
}

std::vector<std::string> Program::function_names() const {
  std::vector<std::string> names;
  for (const FunctionSpec& function : impl_->spec.functions) {
    if (function.is_public) names.push_back(function.name);
  }
  return names;
}

bool Program::has_function(std::string_view name) const {
  const auto found = impl_->compiled.function_index.find(name);
  return found != impl_->compiled.function_index.end() && impl_->spec.functions[found->second].is_public;
}

void Program::check_function(std::string_view name) const {
  if (has_function(name)) return;
  throw ValueError("the program has no function \"" + std::string(name) + "\"; it has " + join(function_names()));
}

const FunctionInfo& Program::function(std::string_view name) const {
  check_function(name);
  return impl_->functions()[impl_->compiled.function_index.find(name)->second];
}

const std::vector<FunctionInfo>& Program::functions() const {
  return impl_->functions();
}

const std::vector<StateInfo>& Program::state() const {
  return impl_->spec.states;
}

const std::vector<TensorInfo>& Program::tensors() const {
  return impl_->tensors;
}

const std::string& Program::task() const {
  return impl_->spec.task;
}

std::span<const std::byte> Program::content() const {
  return impl_->content.bytes;
}

const std::string& Program::producer() const {
  return impl_->spec.producer;
}

int Program::format_version() const {
  return impl_->spec.format;
}

std::shared_ptr<const Vocabulary> Program::vocabulary(std::string_view name) const {
  const auto found = impl_->spec.vocabularies.find(name);
  if (found == impl_->spec.vocabularies.end()) {
    throw ValueError("the program has no vocabulary \"" + std::string(name) + "\"; it has " + join(vocabulary_names()));
  }
  return found->second;
}

std::vector<std::string> Program::vocabulary_names() const {
  std::vector<std::string> names;
  for (const auto& [name, vocabulary] : impl_->spec.vocabularies) names.push_back(name);
  return names;
}

Tensor Program::tensor(std::string_view name) const {
  const auto& weights = impl_->spec.weights;
  const auto end = weights.begin() + static_cast<std::ptrdiff_t>(impl_->tensors.size());
  const auto found =
      std::find_if(weights.begin(), end, [&](const WeightSpec& weight) { return weight.info.name == name; });
  if (found == end) throw ValueError("the program has no tensor \"" + std::string(name) + "\"");
  return found->tensor.is_packed() ? unpack_weight(found->tensor) : found->tensor;
}

}  // namespace pyseq
