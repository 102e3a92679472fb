#include "ops/checks.h"

#include <algorithm>

#include "base/packing.h"
#include "base/threads.h"
#include "kernels/dispatch.h"

namespace pyseq {
namespace {

/// Values that are worth handing to another thread to be packed.
constexpr std::int64_t kPackGrain = std::int64_t{1} << 16;

std::string sentence(std::string_view label, std::string_view argument, std::string_view got,
                     std::string_view expected) {
  std::string text(label);
  text.append(": ").append(argument).append(" has ").append(got).append(", expected ").append(expected);
  return text;
}

std::string with_reason(std::string expected, std::string_view because) {
  if (!because.empty()) expected.append(" (").append(because).append(")");
  return expected;
}

bool matches(const Shape& shape, std::initializer_list<std::int64_t> expected) {
  if (shape.rank() != static_cast<int>(expected.size())) return false;
  const std::int64_t* size = shape.begin();
  for (const std::int64_t wanted : expected) {
    if (wanted >= 0 && wanted != *size) return false;
    ++size;
  }
  return true;
}

std::string pattern(std::initializer_list<std::int64_t> expected) {
  std::string text = "[";
  for (const std::int64_t size : expected) {
    if (text.size() > 1) text += ", ";
    text += size < 0 ? "any" : std::to_string(size);
  }
  return text + "]";
}

/// pack_panels with the kernel of the tier: the weights of a model that is trained are packed at every call.
void pack_blocks(const float* weight, std::int64_t units, int gates, std::int64_t in, float* panels) {
  const std::int64_t blocks = (units + kPanelColumns - 1) / kPanelColumns;
  const std::int64_t values_per_block = std::max<std::int64_t>(1, gates * kPanelColumns * in);
  parallel_for(blocks, std::max<std::int64_t>(1, kPackGrain / values_per_block),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t block = begin; block < end; ++block) {
                   const std::int64_t first = block * kPanelColumns, columns = std::min(kPanelColumns, units - first);
                   for (int gate = 0; gate < gates; ++gate) {
                     const PackF32 pack{.k = in,
                                        .n = columns,
                                        .b = weight + (gate * units + first) * in,
                                        .stride = in,
                                        .transposed = true,
                                        .panels = panels + (first * gates + gate * panel_width(columns)) * in};
                     kernels().pack_f32(&pack);
                   }
                 }
               });
}

}  // namespace

void throw_shape(std::string_view label, std::string_view argument, std::string_view got, std::string_view expected) {
  throw ShapeError(sentence(label, argument, got, expected));
}

void throw_value(std::string_view label, std::string_view argument, std::string_view got, std::string_view expected) {
  throw ValueError(sentence(label, argument, got, expected));
}

void check_dtype(std::string_view label, std::string_view argument, const Tensor& tensor, DType expected) {
  if (tensor.dtype() != expected) {
    throw DTypeError(
        sentence(label, argument, std::string("dtype ") + dtype_name(tensor.dtype()), dtype_name(expected)));
  }
  if (tensor.is_packed()) throw_shape(label, argument, "a packed layout", "a row-major tensor");
}

void check_rank(std::string_view label, std::string_view argument, const Tensor& tensor, int expected) {
  if (tensor.rank() != expected) {
    throw_shape(label, argument, "shape " + tensor.shape().to_string(), std::to_string(expected) + " dimensions");
  }
}

void check_min_rank(std::string_view label, std::string_view argument, const Tensor& tensor, int least) {
  if (tensor.rank() < least) {
    throw_shape(label, argument, "shape " + tensor.shape().to_string(),
                "at least " + std::to_string(least) + (least == 1 ? " dimension" : " dimensions"));
  }
}

void check_shape(std::string_view label, std::string_view argument, const Tensor& tensor,
                 std::initializer_list<std::int64_t> expected, std::string_view because) {
  if (matches(tensor.shape(), expected)) return;
  if (tensor.rank() == 1 && expected.size() == 1) {
    throw_shape(label, argument, std::to_string(tensor.size(0)) + " elements",
                with_reason(std::to_string(*expected.begin()), because));
  }
  throw_shape(label, argument, "shape " + tensor.shape().to_string(), with_reason(pattern(expected), because));
}

void check_tensor(std::string_view label, std::string_view argument, const Tensor& tensor, DType dtype,
                  std::initializer_list<std::int64_t> shape, std::string_view because) {
  check_dtype(label, argument, tensor, dtype);
  check_shape(label, argument, tensor, shape, because);
}

void check_weight(std::string_view label, std::string_view argument, const Tensor& weight, int gates, std::int64_t rows,
                  std::int64_t columns, std::string_view because) {
  if (weight.is_packed() && weight.panel_gates() != gates) {
    throw_shape(label, argument, "been packed with gates " + std::to_string(weight.panel_gates()),
                std::to_string(gates));
  }
  // The narrow types exist in panels only.
  if (!weight.is_packed()) check_dtype(label, argument, weight, DType::float32);
  check_shape(label, argument, weight, {rows, columns}, because);
}

void check_lengths(std::string_view label, const Tensor& lengths, std::int64_t batch, std::int64_t time) {
  check_tensor(label, "lengths", lengths, DType::int64, {batch});
  const std::int64_t* values = lengths.data<std::int64_t>();
  for (std::int64_t row = 0; row < batch; ++row) {
    if (values[row] < 0 || values[row] > time) {
      throw_value(label, "lengths", std::to_string(values[row]) + " in row " + std::to_string(row),
                  "0 to " + std::to_string(time) + " (steps in the batch)");
    }
  }
}

void check_indices(std::string_view label, std::string_view argument, std::span<const std::int64_t> indices,
                   std::int64_t count, std::string_view table) {
  for (const std::int64_t index : indices) {
    if (index < 0 || index >= count) {
      throw IndexError(sentence(label, argument, std::to_string(index), "an index into " + std::string(table)));
    }
  }
}

const float* packed_or_pack(const Tensor& weight, int gates, Arena& scratch) {
  if (weight.is_packed()) return weight.data<float>();
  const std::int64_t units = weight.size(0) / gates, in = weight_depth(weight.shape());
  float* panels = scratch.allocate<float>(packed_size(units, gates, in));
  const float* matrix = weight.data<float>();
  if (weight.rank() > 2) {
    float* reordered = scratch.allocate<float>(weight.num_elements());
    taps_before_values(matrix, weight.shape(), reordered);
    matrix = reordered;
  }
  pack_blocks(matrix, units, gates, in, panels);
  return panels;
}

}  // namespace pyseq
