// Sessions and streams: a pyseq::Session, with a pyseq::State or without, and what its last run gave.
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "capi/program.h"

using pyseq::capi::guarded;
using pyseq::capi::required;
using pyseq::capi::required_result;
using pyseq::capi::required_text;

struct pyseq_session {
  explicit pyseq_session(std::shared_ptr<const pyseq::Program> program) : session(std::move(program)) {}

  pyseq::Session session;
  pyseq::NamedTensors outputs;  // of the last run
};

struct pyseq_stream {
  pyseq_stream(std::shared_ptr<const pyseq::Program> program, std::int64_t count)
      : runner(std::move(program)), rows(count), state(runner.session.new_state(count)) {}

  pyseq_session runner;
  std::int64_t rows;
  pyseq::State state;
};

namespace {

using pyseq::DType;
using pyseq::Shape;
using pyseq::Tensor;

DType dtype_of(const pyseq_tensor& tensor, const std::string& name) {
  switch (static_cast<int>(tensor.dtype)) {  // whatever number the caller wrote there
    case PYSEQ_FLOAT32:
      return DType::float32;
    case PYSEQ_INT64:
      return DType::int64;
    case PYSEQ_INT32:
      return DType::int32;
    case PYSEQ_UINT8:
      return DType::uint8;
  }
  throw pyseq::DTypeError(name + " has dtype " + std::to_string(static_cast<int>(tensor.dtype)) +
                          ", expected one of pyseq_dtype");
}

pyseq_dtype dtype_of(const Tensor& tensor, const std::string& name) {
  switch (tensor.dtype()) {
    case DType::float32:
      return PYSEQ_FLOAT32;
    case DType::int64:
      return PYSEQ_INT64;
    case DType::int32:
      return PYSEQ_INT32;
    case DType::uint8:
      return PYSEQ_UINT8;
    default:
      throw pyseq::UnsupportedError("output " + name + " has dtype " + pyseq::dtype_name(tensor.dtype()));
  }
}

/// The caller's arrays as they are, for the time of the call.
pyseq::NamedTensors inputs_of(const pyseq_tensor* inputs, std::size_t count) {
  pyseq::NamedTensors named;
  if (count > 0) required(inputs, "inputs");
  for (std::size_t i = 0; i < count; ++i) {
    const pyseq_tensor& given = inputs[i];
    const std::string place = "inputs[" + std::to_string(i) + "]";
    const std::string name = required_text(given.name, (place + ".name").c_str());
    if (given.rank < 0 || given.rank > PYSEQ_MAX_RANK) {
      throw pyseq::ShapeError("input " + name + " has rank " + std::to_string(given.rank) + ", expected 0 to " +
                              std::to_string(PYSEQ_MAX_RANK));
    }
    const DType dtype = dtype_of(given, "input " + name);
    const Shape shape(std::span<const std::int64_t>(given.shape, static_cast<std::size_t>(given.rank)));
    if (shape.num_elements() > 0)
      required(static_cast<const std::byte*>(given.data), ("data of input " + name).c_str());
    const auto address = reinterpret_cast<std::uintptr_t>(given.data);
    if (address % pyseq::item_size(dtype) != 0) {
      throw pyseq::ValueError("input " + name + ": its data is not aligned to its items");
    }
    const auto [place_of, is_new] = named.emplace(name, Tensor::constant_view(dtype, shape, given.data));
    if (!is_new) throw pyseq::ValueError("input " + place_of->first + " is given twice");
  }
  return named;
}

void run(pyseq_session& runner, const char* function, const pyseq_tensor* inputs, std::size_t count,
         pyseq::State* state) {
  const pyseq::NamedTensors named = inputs_of(inputs, count);
  runner.outputs.clear();  // their memory may serve this run
  runner.outputs = runner.session.run(required_text(function, "function"), named, state).outputs;
}

void give_output(const pyseq_session& runner, const char* name, pyseq_tensor& result) {
  const auto found = runner.outputs.find(std::string_view(required_text(name, "name")));
  if (found == runner.outputs.end()) {
    std::string known;
    for (const auto& output : runner.outputs) known += (known.empty() ? "" : ", ") + output.first;
    throw pyseq::ValueError("there is no output \"" + std::string(name) + "\", the last run gave " +
                            (known.empty() ? "none" : known));
  }
  const Tensor& tensor = found->second;
  pyseq_tensor view{found->first.c_str(), dtype_of(tensor, found->first), tensor.rank(), {}, tensor.raw()};
  for (int axis = 0; axis < tensor.rank(); ++axis) view.shape[axis] = tensor.size(axis);
  result = view;
}

}  // namespace

pyseq_status pyseq_session_new(const pyseq_program* program, pyseq_session** result) {
  return guarded("pyseq_session_new", [&] {
    pyseq_session*& place = required_result(result);
    place = new pyseq_session(required(program, "program").program);
  });
}

void pyseq_session_free(pyseq_session* session) {
  delete session;
}

pyseq_status pyseq_session_run(pyseq_session* session, const char* function, const pyseq_tensor* inputs,
                               size_t num_inputs) {
  return guarded("pyseq_session_run",
                 [&] { run(required(session, "session"), function, inputs, num_inputs, nullptr); });
}

pyseq_status pyseq_session_output(const pyseq_session* session, const char* name, pyseq_tensor* result) {
  return guarded("pyseq_session_output",
                 [&] { give_output(required(session, "session"), name, required(result, "result")); });
}

pyseq_status pyseq_stream_new(const pyseq_program* program, int64_t rows, pyseq_stream** result) {
  return guarded("pyseq_stream_new", [&] {
    pyseq_stream*& place = required_result(result);
    if (rows < 1) throw pyseq::ValueError("rows is " + std::to_string(rows) + ", expected at least 1");
    place = new pyseq_stream(required(program, "program").program, rows);
  });
}

void pyseq_stream_free(pyseq_stream* stream) {
  delete stream;
}

pyseq_status pyseq_stream_feed(pyseq_stream* stream, const char* function, const pyseq_tensor* inputs,
                               size_t num_inputs) {
  return guarded("pyseq_stream_feed", [&] {
    pyseq_stream& known = required(stream, "stream");
    run(known.runner, function, inputs, num_inputs, &known.state);
  });
}

pyseq_status pyseq_stream_output(const pyseq_stream* stream, const char* name, pyseq_tensor* result) {
  return guarded("pyseq_stream_output",
                 [&] { give_output(required(stream, "stream").runner, name, required(result, "result")); });
}

pyseq_status pyseq_stream_reset(pyseq_stream* stream) {
  return guarded("pyseq_stream_reset", [&] {
    pyseq_stream& known = required(stream, "stream");
    known.state = known.runner.session.new_state(known.rows);
  });
}
