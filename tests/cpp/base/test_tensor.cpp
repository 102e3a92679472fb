#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <numeric>
#include <vector>

#include "base/arena.h"
#include "base/packing.h"
#include "pyseq/tensor.h"

using namespace pyseq;

namespace {

constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();

bool is_aligned(const void* address) {
  return reinterpret_cast<std::uintptr_t>(address) % 64 == 0;
}

}  // namespace

TEST_CASE("Shape: sizes, axes from the end, text") {
  const Shape shape{2, 3, 4};
  CHECK(shape.rank() == 3);
  CHECK(shape[0] == 2);
  CHECK(shape[-1] == 4);
  CHECK(shape.num_elements() == 24);
  CHECK(shape.to_string() == "[2, 3, 4]");
  CHECK(Shape{}.to_string() == "[]");
  CHECK(Shape{}.num_elements() == 1);
  CHECK(shape.with(1, 7) == Shape{2, 7, 4});
  CHECK(shape == Shape{2, 3, 4});
  CHECK_FALSE(shape == Shape{2, 3});
  CHECK_FALSE(shape == Shape{2, 3, 5});
}

TEST_CASE("Shape refuses negative sizes and more than eight axes") {
  CHECK_THROWS_WITH_AS(Shape({2, -1}), "shape [2, -1] has a negative size", ShapeError);
  CHECK(Shape({1, 1, 1, 1, 1, 1, 1, 1}).rank() == 8);
  CHECK_THROWS_WITH_AS(Shape({1, 1, 1, 1, 1, 1, 1, 1, 1}), "shape has 9 axes, expected at most 8", ShapeError);
}

TEST_CASE("Shape: products that 63 bits do not hold") {
  CHECK(Shape{kLargest}.num_elements() == kLargest);
  CHECK(Shape{kLargest, 1}.num_elements() == kLargest);
  CHECK_THROWS_AS(Shape({kLargest, 2}).num_elements(), ShapeError);
  CHECK_THROWS_AS(Shape({std::int64_t{1} << 32, std::int64_t{1} << 31}).num_elements(), ShapeError);
  CHECK(Shape{std::int64_t{1} << 31, std::int64_t{1} << 31}.num_elements() == std::int64_t{1} << 62);
  CHECK(Shape{kLargest, 0}.num_elements() == 0);
  CHECK_THROWS_AS(Shape({kLargest, 2, 0}).num_elements(), ShapeError);
}

TEST_CASE("tensors whose bytes cannot be counted or had") {
  CHECK_THROWS_AS(Tensor::meta(DType::int64, Shape{std::int64_t{1} << 60}), ShapeError);
  CHECK_THROWS_AS(Tensor::empty(DType::float32, Shape{std::int64_t{1} << 60}), std::bad_alloc);
  CHECK_THROWS_AS(Tensor::zeros(DType::int8, Shape{kLargest}), std::bad_alloc);
}

TEST_CASE("fresh tensors are aligned, typed and of the right size") {
  for (const DType dtype : {DType::float32, DType::int64, DType::int32, DType::uint8, DType::bfloat16, DType::int8}) {
    Tensor tensor = Tensor::zeros(dtype, Shape{3, 5});
    CHECK(tensor.defined());
    CHECK(tensor.dtype() == dtype);
    CHECK(tensor.num_bytes() == 15 * item_size(dtype));
    CHECK(is_aligned(tensor.raw()));
    const auto* bytes = static_cast<const char*>(tensor.raw());
    CHECK(std::all_of(bytes, bytes + tensor.num_bytes(), [](char byte) { return byte == 0; }));
  }
  CHECK(Tensor::empty(DType::float32, Shape{0, 4}).num_elements() == 0);
  CHECK(Tensor::empty(DType::float32, Shape{}).num_bytes() == 4);
}

TEST_CASE("from checks the number of values") {
  const Tensor tensor = Tensor::from<float>(Shape{2, 2}, {1, 2, 3, 4});
  CHECK(tensor.values<float>()[3] == 4.0f);
  CHECK(Tensor::from<std::int64_t>(Shape{1}, {7}).dtype() == DType::int64);
  CHECK_THROWS_WITH_AS(Tensor::from<float>(Shape{2, 2}, {1, 2, 3}), "tensor of shape [2, 2] needs 4 values, got 3",
                       ShapeError);
}

TEST_CASE("typed access checks the type; an absent tensor gives null") {
  Tensor tensor = Tensor::from<std::int32_t>(Shape{2}, {1, 2});
  CHECK_THROWS_WITH_AS(tensor.data<float>(), "tensor [2] is int32, expected float32", DTypeError);
  CHECK_THROWS_AS(tensor.mutable_data<std::int64_t>(), DTypeError);
  tensor.mutable_data<std::int32_t>()[1] = 5;
  CHECK(tensor.data<std::int32_t>()[1] == 5);
  CHECK_FALSE(Tensor().defined());
  CHECK(Tensor().data<float>() == nullptr);
  CHECK(Tensor().data<std::int64_t>() == nullptr);
  CHECK(Tensor::meta(DType::float32, Shape{2}).data<float>() == nullptr);
}

TEST_CASE("views share memory and keep the owner alive") {
  auto owner = std::make_shared<std::vector<float>>(6, 1.0f);
  const std::weak_ptr<std::vector<float>> watch = owner;
  Tensor view = Tensor::view(DType::float32, Shape{2, 3}, owner->data(), owner);
  view.mutable_data<float>()[4] = 9;
  CHECK((*owner)[4] == 9.0f);
  Tensor rows = view.rows(1, 1);
  owner.reset();
  view = Tensor();
  CHECK_FALSE(watch.expired());
  CHECK(rows.data<float>()[1] == 9.0f);
  rows = Tensor();
  CHECK(watch.expired());
}

TEST_CASE("constant views cannot be written, their copies can") {
  const std::vector<float> values(4, 2.0f);
  Tensor view = Tensor::constant_view(DType::float32, Shape{4}, values.data());
  CHECK_THROWS_WITH_AS(view.mutable_data<float>(), "tensor [4] is read-only", ValueError);
  CHECK_THROWS_AS(view.mutable_raw(), ValueError);
  CHECK_THROWS_AS(view.reshaped(Shape{2, 2}).mutable_raw(), ValueError);
  CHECK_THROWS_AS(view.rows(1, 2).mutable_raw(), ValueError);
  Tensor copy = view.copy();
  copy.mutable_data<float>()[0] = 3;
  CHECK(values[0] == 2.0f);
  CHECK(copy.data<float>()[1] == 2.0f);
}

TEST_CASE("reshaped and rows") {
  std::vector<float> numbers(24);
  std::iota(numbers.begin(), numbers.end(), 0.0f);
  const Tensor tensor = Tensor::from<float>(Shape{4, 2, 3}, std::span<const float>(numbers));
  const Tensor flat = tensor.reshaped(Shape{8, 3});
  CHECK(flat.raw() == tensor.raw());
  CHECK(flat.size(0) == 8);
  CHECK_THROWS_WITH_AS(tensor.reshaped(Shape{5, 5}), "tensor [4, 2, 3] cannot be reshaped to [5, 5]", ShapeError);
  const Tensor middle = tensor.rows(1, 2);
  CHECK(middle.shape() == Shape{2, 2, 3});
  CHECK(middle.num_bytes() == 12 * sizeof(float));
  CHECK(middle.data<float>()[0] == 6.0f);
  CHECK(middle.rows(1, 1).data<float>()[5] == 17.0f);
  CHECK(tensor.rows(4, 0).num_elements() == 0);
  CHECK(Tensor::zeros(DType::float32, Shape{0, 3}).rows(0, 0).shape() == Shape{0, 3});
  CHECK_THROWS_AS(tensor.rows(3, 2), IndexError);
  CHECK_THROWS_AS(tensor.rows(-1, 1), IndexError);
  CHECK_THROWS_AS(tensor.rows(1, -1), IndexError);
  CHECK_THROWS_AS(tensor.rows(kLargest, kLargest), IndexError);
  CHECK_THROWS_AS(Tensor::zeros(DType::float32, Shape{}).rows(0, 0), ShapeError);
}

TEST_CASE("packed tensors: the storage must be as large as the panels") {
  const auto storage = [](std::int64_t values) { return Tensor::zeros(DType::float32, Shape{values}); };
  const Tensor packed = Tensor::packed(Shape{40, 7}, 1, storage(48 * 7));
  CHECK(packed.is_packed());
  CHECK(packed.panel_gates() == 1);
  CHECK(packed.shape() == Shape{40, 7});
  CHECK(packed.num_bytes() == 48 * 7 * sizeof(float));
  CHECK(packed.copy().is_packed());
  CHECK_THROWS_AS(Tensor::packed(Shape{40, 7}, 1, storage(40 * 7)), ShapeError);
  CHECK_THROWS_AS(Tensor::packed(Shape{40, 7}, 3, storage(48 * 7)), ShapeError);
  CHECK_THROWS_AS(Tensor::packed(Shape{40, 7}, 0, storage(48 * 7)), ShapeError);
  CHECK_THROWS_AS(Tensor::packed(Shape{40}, 1, storage(48)), ShapeError);
  CHECK_THROWS_AS(Tensor::packed(Shape{40, 7}, 1, packed), ShapeError);
  CHECK_THROWS_AS(Tensor::packed(Shape{40, 7}, 1, Tensor::zeros(DType::int32, Shape{48 * 7})), DTypeError);
  CHECK_THROWS_AS(Tensor::packed(Shape{kLargest, 1}, 1, storage(1)), ShapeError);
  CHECK_THROWS_AS(Tensor::packed(Shape{kLargest, 0}, 1, storage(0)), ShapeError);
  CHECK_THROWS_AS(Tensor::packed(Shape{1, std::int64_t{1} << 60}, 1, storage(1)), ShapeError);
  CHECK_THROWS_AS(packed.reshaped(Shape{7, 40}), ShapeError);
  CHECK_THROWS_AS(packed.rows(0, 1), ShapeError);
}
