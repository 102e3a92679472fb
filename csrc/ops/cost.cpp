#include "ops/cost.h"

namespace pyseq {

double bytes_of(const TensorType& type) {
  return static_cast<double>(type.shape.num_elements()) * static_cast<double>(item_size(type.dtype));
}

double bytes_moved(const OpArgs& args, std::span<const TensorType> outputs) {
  double bytes = bytes_of(outputs[0]);
  for (const Tensor& input : args.inputs) {
    if (input.defined()) bytes += bytes_of({input.dtype(), input.shape()});
  }
  return bytes;
}

OpCost elementwise_cost(const OpArgs& args, std::span<const TensorType> outputs, double flops_per_element) {
  return {flops_per_element * static_cast<double>(outputs[0].shape.num_elements()), bytes_moved(args, outputs)};
}

}  // namespace pyseq
