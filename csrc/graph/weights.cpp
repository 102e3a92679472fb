#include "graph/weights.h"

#include "base/packing.h"

namespace pyseq {
namespace {

// Tensors up to this size are copied. Reading a bias in a mapped file would map up to 2 MB around it: weights that are
// there in another layout already.
constexpr std::size_t kCopiedBytes = std::size_t{64} << 10;

}  // namespace

void WeightStore::want_packed(int weight, int gates) {
  if (gates > 0 && can_pack(weight, gates)) wanted_[{weight, gates}] = true;
}

Tensor WeightStore::operand(int weight, const InputDef& input) {
  if (input.pack_gates > 0) {
    return can_pack(weight, input.pack_gates) ? packed(weight, input.pack_gates) : row_major(weight);
  }
  // A table that is read by rows alone is packed for the sake of a narrow type only.
  const bool is_narrow = storage_of(weight) != DType::float32 && can_pack(weight, 1);
  const bool panels_exist = weights_[weight].tensor.panel_gates() == 1 || wanted_.contains({weight, 1});
  return input.accepts_packed && (panels_exist || is_narrow) ? packed(weight, 1) : row_major(weight);
}

Tensor WeightStore::row_major(int weight) {
  const Tensor& stored = weights_[weight].tensor;
  if (!stored.is_packed() && stored.num_bytes() > kCopiedBytes) {
    used_as_stored_.insert(weight);
    return stored;
  }
  Tensor& tensor = made_[{weight, 0}];
  if (!tensor.defined()) tensor = stored.is_packed() ? unpack_weight(stored) : stored.copy();
  return tensor;
}

bool WeightStore::can_pack(int weight, int gates) const {
  const Tensor& stored = weights_[weight].tensor;
  const bool is_weight = stored.is_packed() || stored.dtype() == DType::float32;
  const bool is_convolution = stored.rank() > 2 && gates == 1;
  return is_weight && (stored.rank() == 2 || is_convolution) && stored.size(0) % gates == 0;
}

DType WeightStore::storage_of(int weight) const {
  const Tensor& stored = weights_[weight].tensor;
  if (storage_ == DType::int8 && weight_depth(stored.shape()) > kMostInt8Depth) return DType::bfloat16;
  return storage_.value_or(stored.is_packed() ? stored.dtype() : DType::float32);
}

Tensor WeightStore::packed(int weight, int gates) {
  const Tensor& stored = weights_[weight].tensor;
  const DType storage = storage_of(weight);
  if (stored.panel_gates() == gates && stored.dtype() == storage) {
    used_as_stored_.insert(weight);
    return stored;
  }
  Tensor& tensor = made_[{weight, gates}];
  if (tensor.defined()) return tensor;
  try {
    tensor = pack_weight(stored.is_packed() ? unpack_weight(stored) : stored, gates, storage);
  } catch (const ValueError& error) {
    throw ValueError("tensor " + weights_[weight].info.name + ": " + error.what());
  }
  return tensor;
}

}  // namespace pyseq
