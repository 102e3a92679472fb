// A program of streams as small as can be: a GRU over features, and a logit per step. Its weights are noise.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "history_model.h"
#include "tiny_translator.h"

namespace pyseq::testing {

inline constexpr std::int64_t kStreamWidth = 3;

inline std::shared_ptr<const Program> tiny_stream_program(std::int64_t hidden = 8) {
  const std::string size = std::to_string(hidden);
  const std::string program = R"({"format": 1, "producer": "test", "task": {}, "vocabularies": {},
    "state": [{"name": "hidden", "kind": "carry", "dtype": "float32", "shape": [)" +
                              size + R"(]}],
    "packed": {}, "functions": [{"name": "step", "public": true,
      "inputs": [{"name": "x", "dtype": "float32", "dims": ["batch", "time", 3]}],
      "nodes": [
        {"op": "gru", "name": "gru", "attrs": {}, "outputs": ["%1", "%2"],
         "inputs": ["%0", "w:gru.weight_ih", "w:gru.weight_hh", null, null, null, null, null, null, null, "s:hidden"]},
        {"op": "linear", "name": "output", "inputs": ["%1", "w:output.weight"], "attrs": {}, "outputs": ["%3"]}],
      "outputs": [{"name": "logits", "value": "%3"}],
      "updates": [{"state": "hidden", "value": "%2"}]}]})";
  const std::vector<NamedTensor> tensors{{"gru.weight_ih", noise_tensor({3 * hidden, kStreamWidth}, 1, 1)},
                                         {"gru.weight_hh", noise_tensor({3 * hidden, hidden}, 2, 0.5F)},
                                         {"output.weight", noise_tensor({1, hidden}, 3, 1)}};
  return Program::parse(write_safetensors({{"format", "pyseq"}, {"pyseq.program", program}}, tensors));
}

}  // namespace pyseq::testing
