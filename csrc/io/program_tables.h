// The tables of a program file that its functions refer to.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "io/json_reader.h"
#include "io/program_spec.h"
#include "io/safetensors.h"

namespace pyseq {

/// float32, int64, ...: as dtype_name() spells them.
DType read_dtype_name(const ObjectReader& fields, std::string_view key);

std::map<std::string, std::shared_ptr<const Vocabulary>, std::less<>> read_vocabularies(const ObjectReader& program);
std::vector<StateInfo> read_states(const ObjectReader& program);
/// The tensors of the file; those that `packed` names become packed weights with their logical shape.
std::vector<WeightSpec> read_weights(const ObjectReader& program, std::vector<NamedTensor> tensors);

}  // namespace pyseq
