#include "io/function_reader.h"

#include <set>
#include <string>
#include <utility>

#include "io/node_reader.h"
#include "io/program_tables.h"
#include "io/references.h"

namespace pyseq {
namespace {

/// Names a size that inputs share. Told apart from a number by its first character.
bool is_dim_name(std::string_view name) {
  return !name.empty() && !(name[0] >= '0' && name[0] <= '9');
}

class FunctionReader {
 public:
  FunctionReader(const ObjectReader& fields, const Symbols& symbols)
      : fields_(fields), symbols_(symbols), references_(symbols, fields.flag_or("public", true)) {}

  FunctionSpec read() {
    fields_.allow_only({"name", "public", "inputs", "nodes", "outputs", "updates"});
    function_.name = fields_.name("name");
    function_.is_public = fields_.flag_or("public", true);
    for (const Json& input : fields_.list("inputs")) read_input(input);
    for (const Json& node : fields_.list("nodes")) {
      function_.nodes.push_back(read_node(node, function_.name, symbols_, references_));
    }
    for (const Json& output : fields_.list("outputs")) read_output(output);
    for (const Json& update : fields_.list_or_empty("updates")) read_update(update);
    function_.num_values = references_.num_values();
    return std::move(function_);
  }

 private:
  void read_input(const Json& value) {
    const ObjectReader fields(value, fields_.where() + ", input " + std::to_string(function_.inputs.size()));
    fields.allow_only({"name", "dtype", "dims"});
    ArgumentInfo input;
    input.name = fields.name("name");
    if (!input_names_.insert(input.name).second) throw_format(fields_.where(), "two inputs " + in_quotes(input.name));
    input.dtype = read_dtype_name(fields, "dtype");
    const Json::array_t& dims = fields.list("dims");
    if (dims.size() > static_cast<std::size_t>(kMaxRank)) {
      throw_format(fields.where(),
                   "dims has rank " + std::to_string(dims.size()) + ", expected at most " + std::to_string(kMaxRank));
    }
    for (const Json& dim : dims) input.dims.push_back(read_dim(dim, fields.where()));
    function_.inputs.push_back(std::move(input));
    references_.define_value();
  }

  static std::string read_dim(const Json& value, const std::string& where) {
    if (value.is_number()) return std::to_string(read_integer(value, where, "an entry of dims", 0));
    const std::string& name = read_text(value, where, "an entry of dims");
    if (!is_dim_name(name))
      throw_format(where, "dims has an entry " + in_quotes(name) + ", expected a number or a name");
    return name;
  }

  void read_output(const Json& value) {
    const ObjectReader fields(value, fields_.where() + ", output " + std::to_string(function_.outputs.size()));
    fields.allow_only({"name", "value"});
    const std::string& name = fields.name("name");
    if (!output_names_.insert(name).second) throw_format(fields_.where(), "two outputs " + in_quotes(name));
    function_.outputs.emplace_back(name, read_value(fields));
  }

  void read_update(const Json& value) {
    const ObjectReader fields(value, fields_.where() + ", update " + std::to_string(function_.updates.size()));
    fields.allow_only({"state", "value"});
    const int state = references_.read_state(fields.text("state"), fields.where());
    const StateInfo& info = symbols_.program.states[state];
    if (info.kind == StateKind::cache) {
      throw_format(fields.where(), in_quotes(info.name) + " is a cache, which only its op changes");
    }
    if (!updated_.insert(state).second) throw_format(fields_.where(), "two updates of state " + in_quotes(info.name));
    function_.updates.emplace_back(state, read_value(fields));
  }

  ValueRef read_value(const ObjectReader& fields) const {
    return references_.read_tensor(fields.field("value"), fields.where(), "value");
  }

  const ObjectReader& fields_;
  const Symbols& symbols_;
  ReferenceReader references_;
  FunctionSpec function_;
  std::set<std::string> input_names_, output_names_;
  std::set<int> updated_;
};

}  // namespace

FunctionSpec read_function(const Json& value, const Symbols& symbols) {
  const std::string& name = ObjectReader(value, "program: a function").name("name");
  const ObjectReader fields(value, "program: function " + in_quotes(name));
  return FunctionReader(fields, symbols).read();
}

}  // namespace pyseq
