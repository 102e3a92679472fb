// A translator as small as can be: a GRU decoder that attends to the embedded source. Its weights are noise.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "history_model.h"
#include "io/safetensors.h"
#include "pyseq/program.h"

namespace pyseq::testing {

inline const std::string kTinyTask = R"({"kind": "translator", "source_vocabulary": "source",
  "target_vocabulary": "target", "source_suffix": [1], "start": 1, "end": 0, "max_length": 12,
  "attention": {"path": "attention", "head": 1}})";

inline const std::string kTinyFunctions = R"([
  {"name": "encode", "public": true,
   "inputs": [{"name": "tokens", "dtype": "int64", "dims": ["batch", "time"]},
              {"name": "lengths", "dtype": "int64", "dims": ["batch"]}],
   "nodes": [{"op": "embedding", "name": "source", "inputs": ["%0", "w:source.weight"], "attrs": {},
              "outputs": ["%2"]}],
   "outputs": [{"name": "memory", "value": "%2"}],
   "updates": [{"state": "memory", "value": "%2"}, {"state": "lengths", "value": "%1"}]},
  {"name": "step", "public": true,
   "inputs": [{"name": "tokens", "dtype": "int64", "dims": ["batch", "time"]}],
   "nodes": [
     {"op": "embedding", "name": "target", "inputs": ["%0", "w:target.weight"], "attrs": {}, "outputs": ["%1"]},
     {"op": "gru", "name": "gru", "attrs": {}, "outputs": ["%2", "%3"],
      "inputs": ["%1", "w:gru.weight_ih", "w:gru.weight_hh", null, null, null, null, null, null, null, "s:hidden"]},
     {"op": "attention", "name": "attention", "attrs": {"num_heads": 2}, "outputs": ["%4", "%5"],
      "inputs": ["%2", "s:memory", "s:memory", "s:lengths", "rows"]},
     {"op": "add", "name": "residual", "inputs": ["%2", "%4"], "attrs": {}, "outputs": ["%6"]},
     {"op": "linear", "name": "output", "inputs": ["%6", "w:output.weight"], "attrs": {}, "outputs": ["%7"]}],
   "outputs": [{"name": "logits", "value": "%7"}],
   "updates": [{"state": "hidden", "value": "%3"}]}])";

inline Tensor noise_tensor(const Shape& shape, std::int64_t seed, float scale) {
  Tensor result = Tensor::empty(DType::float32, shape);
  for (std::int64_t i = 0; i < result.num_elements(); ++i) {
    result.mutable_data<float>()[i] = scale * static_cast<float>(noise(seed, {}, i));
  }
  return result;
}

/// The bytes of the program file, with another task or other functions where a test wants them.
inline std::vector<std::byte> tiny_translator_bytes(const std::string& task = kTinyTask,
                                                    const std::string& functions = kTinyFunctions) {
  const std::string program = R"({"format": 1, "producer": "test", "task": )" + task + R"(,
    "vocabularies": {
      "source": {"unit": "character", "tokens": ["?", "$", "p", "q", "r", "s"], "unknown": 0},
      "target": {"unit": "character", "tokens": ["]", "[", "a", "b", "c", "d", "e"], "unknown": null}},
    "state": [{"name": "hidden", "kind": "carry", "dtype": "float32", "shape": [8]},
              {"name": "memory", "kind": "memory", "dtype": "float32", "shape": []},
              {"name": "lengths", "kind": "memory", "dtype": "int64", "shape": []}],
    "packed": {}, "functions": )" +
                              functions + "}";
  const std::vector<NamedTensor> tensors{{"source.weight", noise_tensor({6, 8}, 1, 2)},
                                         {"target.weight", noise_tensor({7, 8}, 2, 2)},
                                         {"gru.weight_ih", noise_tensor({24, 8}, 3, 1)},
                                         {"gru.weight_hh", noise_tensor({24, 8}, 4, 1)},
                                         {"output.weight", noise_tensor({7, 8}, 5, 2)}};
  return write_safetensors({{"format", "pyseq"}, {"pyseq.program", program}}, tensors);
}

inline std::shared_ptr<const Program> tiny_translator_program(const std::string& task = kTinyTask,
                                                              const std::string& functions = kTinyFunctions) {
  return Program::parse(tiny_translator_bytes(task, functions));
}

}  // namespace pyseq::testing
