// A small program file that uses every construct of the format: the base of the attack tables and the fuzzers' seed.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/packing.h"
#include "io/safetensors.h"

namespace pyseq::testing {

inline const char* const kSampleProgram = R"({
  "format": 1,
  "producer": "pyseq test",
  "task": {"kind": "sample", "list": [1, 2]},
  "vocabularies": {"source": {"unit": "character", "tokens": ["<unk>", "a"], "unknown": 0},
                   "target": {"unit": "word", "tokens": ["the", "cat"], "unknown": null}},
  "state": [{"name": "hidden", "kind": "carry", "dtype": "float32", "shape": [4]},
            {"name": "attention", "kind": "cache", "dtype": "float32", "shape": [2, 2, 2]},
            {"name": "memory", "kind": "memory", "dtype": "float32", "shape": []}],
  "packed": {"projection.weight": {"gates": 1, "shape": [4, 4]}},
  "functions": [
    {"name": "encode", "public": true,
     "inputs": [{"name": "tokens", "dtype": "int64", "dims": ["batch", "time"]},
                {"name": "lengths", "dtype": "int64", "dims": ["batch"]}],
     "nodes": [
       {"op": "embedding", "name": "embedding", "inputs": ["%0", "w:embedding.weight"], "attrs": {"scale": 2},
        "outputs": ["%2"]},
       {"op": "scan", "name": "loop", "function": "cell", "inputs": ["%2", "s:hidden", "w:bias", "%1"],
        "attrs": {"xs": 1, "states": 1, "consts": 1, "ys": 1}, "outputs": ["%3", "%4"]},
       {"op": "slice", "name": "cut", "inputs": ["%3"],
        "attrs": {"axis": 1, "begin": 0, "end": {"dim": ["-", ["size", "%3", 1], ["*", 1, ["//", 3, 3]]]}},
        "outputs": ["%5"]}],
     "outputs": [{"name": "y", "value": "%5"}],
     "updates": [{"state": "memory", "value": "%3"}, {"state": "hidden", "value": "%4"}]},
    {"name": "step",
     "inputs": [{"name": "x", "dtype": "float32", "dims": ["batch", "time", 4]}],
     "nodes": [
       {"op": "linear", "name": "projection", "inputs": ["%0", "w:projection.weight", null],
        "attrs": {"activation": "relu"}, "outputs": ["%1"]},
       {"op": "cached_attention", "name": "attention", "inputs": ["%1", "%1", "%1", null, "s:attention"],
        "attrs": {"num_heads": 2}, "outputs": ["%2", null]},
       {"op": "attention", "name": "cross", "inputs": ["%2", "s:memory", "s:memory", null, "rows"],
        "attrs": {"num_heads": 2}, "outputs": ["%3", "%4"]},
       {"op": "repeat", "name": "ponder", "function": "twice", "until": "halted", "inputs": ["%3"],
        "attrs": {"states": 1, "consts": 0, "max_steps": 8}, "outputs": ["%5", "%6"]}],
     "outputs": [{"name": "y", "value": "%5"}, {"name": "steps", "value": "%6"}]},
    {"name": "cell", "public": false,
     "inputs": [{"name": "x", "dtype": "float32", "dims": ["batch", 4]},
                {"name": "h", "dtype": "float32", "dims": ["batch", 4]},
                {"name": "bias", "dtype": "float32", "dims": [4]}],
     "nodes": [{"op": "add", "name": "", "inputs": ["%0", "%1"], "outputs": ["%3"]},
               {"op": "add", "name": "", "inputs": ["%3", "%2"], "outputs": ["%4"]}],
     "outputs": [{"name": "y", "value": "%3"}, {"name": "h", "value": "%4"}]},
    {"name": "twice", "public": false,
     "inputs": [{"name": "x", "dtype": "float32", "dims": ["batch", "x.1", 4]}],
     "nodes": [{"op": "add", "name": "", "inputs": ["%0", "%0"], "outputs": ["%1"]}],
     "outputs": [{"name": "x", "value": "%1"}]},
    {"name": "halted", "public": false,
     "inputs": [{"name": "x", "dtype": "float32", "dims": ["batch", "x.1", 4]}],
     "nodes": [], "outputs": [{"name": "mask", "value": "%0"}], "updates": []}]
})";

inline Tensor sample_tensor(const Shape& shape) {
  Tensor tensor = Tensor::zeros(DType::float32, shape);
  for (std::int64_t i = 0; i < shape.num_elements(); ++i) tensor.mutable_data<float>()[i] = static_cast<float>(i);
  return tensor;
}

inline std::vector<NamedTensor> sample_weights() {
  return {{"embedding.weight", sample_tensor({2, 4})},
          {"projection.weight", pack_weight(sample_tensor({4, 4}))},
          {"bias", sample_tensor({4})}};
}

/// A program file around `program` with the sample's weights.
inline std::vector<std::byte> program_file(const std::string& program) {
  return write_safetensors({{"format", "pyseq"}, {"pyseq.program", program}}, sample_weights());
}

}  // namespace pyseq::testing
