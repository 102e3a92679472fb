#include "graph/weights.h"

#include "base/packing.h"

namespace pyseq {

void WeightStore::want_packed(int weight, int gates) {
  if (gates > 0 && can_pack(weight, gates)) wanted_[{weight, gates}] = true;
}

Tensor WeightStore::operand(int weight, const InputDef& input) {
  if (input.pack_gates > 0) {
    return can_pack(weight, input.pack_gates) ? packed(weight, input.pack_gates) : row_major(weight);
  }
  const bool panels_exist = weights_[weight].tensor.panel_gates() == 1 || wanted_.contains({weight, 1});
  return input.accepts_packed && panels_exist ? packed(weight, 1) : row_major(weight);
}

Tensor WeightStore::row_major(int weight) {
  const Tensor& stored = weights_[weight].tensor;
  if (!stored.is_packed()) return stored;
  Tensor& tensor = made_[{weight, 0}];
  if (!tensor.defined()) tensor = unpack_weight(stored);
  return tensor;
}

bool WeightStore::can_pack(int weight, int gates) const {
  const Tensor& stored = weights_[weight].tensor;
  return stored.dtype() == DType::float32 && stored.rank() == 2 && stored.size(0) % gates == 0;
}

Tensor WeightStore::packed(int weight, int gates) {
  const Tensor& stored = weights_[weight].tensor;
  if (stored.panel_gates() == gates) return stored;
  Tensor& tensor = made_[{weight, gates}];
  if (!tensor.defined()) tensor = pack_weight(stored.is_packed() ? unpack_weight(stored) : stored, gates);
  return tensor;
}

}  // namespace pyseq
