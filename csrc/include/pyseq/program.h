// Program: a model as one file; Session: the workspace of one caller; State: what a running sequence carries.
//
//     auto program = pyseq::Program::load("model.safetensors");
//     pyseq::Session session(program);
//     auto result = session.run("forward", {{"x", pyseq::Tensor::from<float>({1, 3}, {1, 2, 3})}});
//     const pyseq::Tensor& y = result.outputs.at("y");
//
// A Program is immutable and shared by any number of sessions and threads. A Session (and a State) belongs to one
// thread at a time.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pyseq/runtime.h"
#include "pyseq/tensor.h"
#include "pyseq/vocabulary.h"

namespace pyseq {

using NamedTensors = std::map<std::string, Tensor, std::less<>>;

struct LoadOptions {
  bool mmap = true;  // false: read the file into memory
  /// Storage type of the weights that products read: float32, bfloat16 or int8. Absent: as the file has them.
  std::optional<DType> dtype;
  /// Storage type of all key/value caches: float32, bfloat16 or int8. Absent: as the file has them.
  std::optional<DType> cache_dtype;
  /// Run the compile passes: the same results with fewer and larger nodes. false: the nodes of the file.
  bool optimize = true;
  /// With `optimize`: compute the valid steps of ragged batches only, where nothing depends on the others.
  bool remove_padding = true;
};

struct ArgumentInfo {
  std::string name;
  DType dtype = DType::float32;
  std::vector<std::string> dims;  // a number, or a name that all arguments of the function share ("batch", "time")
};

struct NodeInfo {
  std::string op, name;  // name: module path
  std::vector<std::string> inputs;
  std::string attributes;  // JSON
};

struct FunctionInfo {
  std::string name;
  std::vector<ArgumentInfo> inputs, outputs;
  std::vector<NodeInfo> nodes;
  bool is_public = true;  // false: the body of a scan or repeat
};

enum class StateKind {
  carry,    // fixed size; gathered on reorder
  cache,    // grows along time; block tables are reordered
  memory,   // computed once; shared by rows through the row -> source map
  varying,  // of the shape that a function gives it, which writes it before others read it; gathered on reorder
};
const char* state_kind_name(StateKind kind);

struct StateInfo {
  std::string name;
  StateKind kind = StateKind::carry;
  DType dtype = DType::float32;
  std::vector<std::int64_t>
      shape;  // carry: sizes after the batch axis; cache: {heads, head_dim, value_dim}; others: empty
};

struct TensorInfo {
  std::string name;
  DType dtype = DType::float32;
  std::vector<std::int64_t> shape;
  int panel_gates = 0;  // packed in the file when positive
  std::size_t bytes = 0;
};

class Program {
 public:
  /// FormatError names what is wrong with the file; Error when it cannot be read.
  static std::shared_ptr<const Program> load(const std::filesystem::path& file, const LoadOptions& options = {});
  /// The bytes of a program file; kept alive by `owner`, or copied when it is null: from 1 MB on to a file without a
  /// name in the folder for temporary files, where that can be written, so that weights take memory once.
  static std::shared_ptr<const Program> parse(std::span<const std::byte> bytes,
                                              std::shared_ptr<const void> owner = nullptr,
                                              const LoadOptions& options = {});
  /// The same file with other options (`mmap` stays as it was); both programs share its bytes.
  std::shared_ptr<const Program> with_options(const LoadOptions& options) const;
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  std::vector<std::string> function_names() const;  // public ones
  bool has_function(std::string_view name) const;
  void check_function(std::string_view name) const;  // ValueError: no such function (lists them)
  /// What a function does after the compile passes. ValueError as above.
  const FunctionInfo& function(std::string_view name) const;
  const std::vector<FunctionInfo>& functions() const;  // private ones too
  const std::vector<StateInfo>& state() const;
  const std::vector<TensorInfo>& tensors() const;
  /// What the file is for, as JSON: {"kind": "translator", ...} (docs/architecture.md lists the kinds).
  const std::string& task() const;
  const std::string& producer() const;
  int format_version() const;
  std::shared_ptr<const Vocabulary> vocabulary(std::string_view name) const;  // ValueError
  std::vector<std::string> vocabulary_names() const;
  Tensor tensor(std::string_view name) const;  // ValueError
  std::span<const std::byte> content() const;  // the file

  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  explicit Program(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Rows of carried tensors, caches and memory. Made by Session::new_state; functions such as `encode` fill it.
class State {
 public:
  State();
  ~State();
  State(State&&) noexcept;
  State& operator=(State&&) noexcept;
  State clone() const;  // caches share their blocks

  std::int64_t rows() const;
  /// Row r becomes what row parents[r] was; the number of rows may change. IndexError.
  void reorder(std::span<const std::int64_t> parents);
  /// The rows of another state of the same program come behind these, its sources behind their sources. ValueError:
  /// another program, or memory of another size than this one's.
  void join(State&& other);
  /// What caches hold, and carries and memory, in bytes.
  std::size_t cache_bytes() const;
  std::size_t tensor_bytes() const;
  /// A carry or memory tensor by name (ValueError). Memory has one row per source.
  Tensor tensor(std::string_view name) const;
  void set_tensor(std::string_view name, const Tensor& value);
  std::span<const std::int64_t> sources() const;  // row -> source

  struct Impl;
  Impl& impl() { return *impl_; }
  const Impl& impl() const { return *impl_; }

 private:
  friend class Session;
  std::unique_ptr<Impl> impl_;
};

/// An op that has just run. Tensors are valid during the call.
struct ObservedOp {
  std::string_view op, name;  // name: module path
  std::span<const Tensor> inputs, outputs;
};

struct RunOptions {
  RunLimits limits;
  /// Module paths whose optional outputs are wanted beside the outputs: attention weights [batch, heads, queries,
  /// keys]. ValueError: no such node in the function, or one with nothing to capture.
  std::vector<std::string> capture;
  /// Called after every op with what it read and wrote, those of loops included; for inspection, not for speed.
  std::function<void(const ObservedOp&)> observe;
};

struct RunResult {
  NamedTensors outputs;
  NamedTensors captures;
};

class Session {
 public:
  explicit Session(std::shared_ptr<const Program> program);
  ~Session();
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;

  const Program& program() const;
  std::shared_ptr<const Program> shared_program() const;
  /// Zero carries and empty caches for `rows` sequences; memory is undefined until a function writes it.
  State new_state(std::int64_t rows) const;
  /// Runs a function. `state` is needed by functions that read or write state, and its rows must fit the inputs. When a
  /// run throws, the state's carries are unchanged and its caches are as long as before.
  RunResult run(std::string_view function, const NamedTensors& inputs, State* state = nullptr,
                const RunOptions& options = {});
  std::size_t workspace_bytes() const;  // what the plans of this session hold

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pyseq
