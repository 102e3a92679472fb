#include "io/program_file.h"

#include <string>
#include <utility>

#include "io/function_reader.h"
#include "io/json_reader.h"
#include "io/loop_ops.h"
#include "io/program_tables.h"
#include "io/safetensors.h"
#include "io/symbols.h"

namespace pyseq {
namespace {

constexpr const char* kFormatKey = "format";
constexpr const char* kFormatName = "pyseq";
constexpr const char* kProgramKey = "pyseq.program";
constexpr const char* kWhere = "program";

/// Takes the program's text out of the metadata.
std::string take_program_text(SafetensorsFile& file) {
  const auto format = file.metadata.find(kFormatKey);
  const auto program = file.metadata.find(kProgramKey);
  if (format == file.metadata.end() || format->second != kFormatName || program == file.metadata.end()) {
    throw_format(kWhere, "not a pyseq program: the file's metadata has no \"format\": \"pyseq\" and \"pyseq.program\"");
  }
  return std::move(program->second);
}

/// Comes before everything else: the rest of a newer file may mean anything.
int read_format(const ObjectReader& fields) {
  const std::int64_t format = fields.integer("format", 1, INT64_MAX);
  if (format > kProgramFormat) {
    throw_format(kWhere, "the file has format version " + std::to_string(format) + ", newer than " +
                             std::to_string(kProgramFormat) + ", the newest that this version of pyseq reads");
  }
  return static_cast<int>(format);
}

std::string read_producer(const ObjectReader& fields) {
  return fields.find("producer") == nullptr ? std::string() : fields.text("producer");
}

std::string read_task(const ObjectReader& fields) {
  fields.object_or_empty("task");  // checks the type
  const Json* task = fields.find("task");
  return task == nullptr ? "{}" : task->dump();
}

void add_name(NameTable& table, const std::string& name, const char* noun) {
  const bool is_new = table.emplace(name, static_cast<int>(table.size())).second;
  if (!is_new) throw_format(kWhere, std::string("two ") + noun + " are named " + in_quotes(name));
}

Symbols collect_symbols(const ProgramSpec& program, const Json::array_t& functions) {
  Symbols symbols{program, {}, {}, {}};
  for (const StateInfo& state : program.states) add_name(symbols.states, state.name, "states");
  for (const WeightSpec& weight : program.weights) add_name(symbols.weights, weight.info.name, "tensors");
  for (const Json& function : functions) {
    add_name(symbols.functions, ObjectReader(function, "program: a function").name("name"), "functions");
  }
  return symbols;
}

}  // namespace

ProgramSpec read_program(std::span<const std::byte> bytes, std::shared_ptr<const void> owner) {
  SafetensorsFile file = read_safetensors(bytes, std::move(owner));
  const Json json = parse_json(take_program_text(file), kWhere);
  const ObjectReader fields(json, kWhere);

  ProgramSpec program;
  program.format = read_format(fields);
  fields.allow_only({"format", "producer", "task", "vocabularies", "state", "packed", "functions"});
  program.producer = read_producer(fields);
  program.task = read_task(fields);
  program.vocabularies = read_vocabularies(fields);
  program.states = read_states(fields);
  program.weights = read_weights(fields, std::move(file.tensors));

  const Json::array_t& functions = fields.list("functions");
  const Symbols symbols = collect_symbols(program, functions);
  for (const Json& function : functions) program.functions.push_back(read_function(function, symbols));
  check_loops(program);
  return program;
}

}  // namespace pyseq
