// Program files written by the tests: functions are put together value by value, weights given as tensors.
#pragma once

#include <cstring>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/packing.h"
#include "io/safetensors.h"
#include "ops/registry.h"
#include "pyseq/program.h"

namespace pyseq::testing {

using nlohmann::json;

inline Tensor random_tensor(const Shape& shape, unsigned seed, float scale = 1.0f) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> uniform(-scale, scale);
  Tensor tensor = Tensor::empty(DType::float32, shape);
  for (std::int64_t i = 0; i < tensor.num_elements(); ++i) tensor.mutable_data<float>()[i] = uniform(generator);
  return tensor;
}

inline Tensor integers(std::initializer_list<std::int64_t> values) {
  return Tensor::from<std::int64_t>({static_cast<std::int64_t>(values.size())}, values);
}

inline bool same_bits(const Tensor& a, const Tensor& b) {
  return a.defined() && b.defined() && a.dtype() == b.dtype() && a.shape() == b.shape() &&
         std::memcmp(a.raw(), b.raw(), a.num_bytes()) == 0;
}

/// One op, eagerly: what programs are compared with. Only the outputs that are not optional are there.
inline std::vector<Tensor> run_eager(const char* name, std::vector<Tensor> inputs,
                                     std::vector<std::pair<std::string, AttrValue>> attrs = {},
                                     std::vector<KvCache*> caches = {}) {
  const OpDef& op = find_op(name);
  return run_op(op, inputs, caches, normalize_attrs(op, attrs, name), {}, {}, name);
}

/// One function of a program. Values are references as the file writes them: "%3", "w:weight", "s:hidden".
class FunctionBuilder {
 public:
  explicit FunctionBuilder(std::string name, bool is_public = true) {
    function_ = {{"name", name},           {"public", is_public},      {"inputs", json::array()},
                 {"nodes", json::array()}, {"outputs", json::array()}, {"updates", json::array()}};
  }

  std::string input(const std::string& name, const json& dims, const std::string& dtype = "float32") {
    function_["inputs"].push_back({{"name", name}, {"dtype", dtype}, {"dims", dims}});
    return next_value();
  }

  /// A node with `outputs` outputs; extra holds "function" and "until" of loops.
  std::vector<std::string> nodes(const std::string& op, const json& inputs, const json& attrs, int outputs,
                                 const std::string& name = "", const json& extra = json::object()) {
    std::vector<std::string> values;
    for (int i = 0; i < outputs; ++i) values.push_back(next_value());
    json node = {{"op", op}, {"name", name}, {"inputs", inputs}, {"attrs", attrs}, {"outputs", values}};
    node.update(extra);
    function_["nodes"].push_back(node);
    return values;
  }

  std::string node(const std::string& op, const json& inputs, const json& attrs = json::object(),
                   const std::string& name = "") {
    return nodes(op, inputs, attrs, 1, name)[0];
  }

  FunctionBuilder& output(const std::string& name, const std::string& value) {
    function_["outputs"].push_back({{"name", name}, {"value", value}});
    return *this;
  }

  FunctionBuilder& update(const std::string& state, const std::string& value) {
    function_["updates"].push_back({{"state", state}, {"value", value}});
    return *this;
  }

  const json& done() const { return function_; }

 private:
  std::string next_value() { return std::string("%").append(std::to_string(num_values_++)); }

  json function_;
  int num_values_ = 0;
};

class ProgramBuilder {
 public:
  ProgramBuilder& weight(const std::string& name, const Tensor& tensor) {
    weights_.push_back({name, tensor});
    return *this;
  }

  /// A weight that the file holds packed.
  ProgramBuilder& packed_weight(const std::string& name, const Tensor& tensor, int gates = 1) {
    const Tensor packed = pack_weight(tensor, gates);
    const auto count = static_cast<std::int64_t>(packed.num_bytes() / sizeof(float));
    weights_.push_back({name, Tensor::from<float>({count}, {packed.data<float>(), static_cast<std::size_t>(count)})});
    packed_[name] = {{"gates", gates}, {"shape", {tensor.size(0), tensor.size(1)}}};
    return *this;
  }

  ProgramBuilder& state(const std::string& name, const std::string& kind, const json& shape = json::array(),
                        const std::string& dtype = "float32") {
    states_.push_back({{"name", name}, {"kind", kind}, {"dtype", dtype}, {"shape", shape}});
    return *this;
  }

  ProgramBuilder& function(const FunctionBuilder& builder) {
    functions_.push_back(builder.done());
    return *this;
  }

  std::vector<std::byte> bytes() const {
    const json program = {
        {"format", 1},      {"producer", "test"}, {"task", json::object()}, {"vocabularies", json::object()},
        {"state", states_}, {"packed", packed_},  {"functions", functions_}};
    return write_safetensors({{"format", "pyseq"}, {"pyseq.program", program.dump()}}, weights_);
  }

  std::shared_ptr<const Program> build(const LoadOptions& options = {}) const {
    return Program::parse(bytes(), nullptr, options);
  }

 private:
  std::vector<NamedTensor> weights_;
  json states_ = json::array(), packed_ = json::object(), functions_ = json::array();
};

}  // namespace pyseq::testing
