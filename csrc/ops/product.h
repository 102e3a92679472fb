// Products of float32 rows with a weight of any storage type: what linear and the recurrent layers are made of.
#pragma once

#include <cstdint>
#include <span>

#include "base/arena.h"
#include "kernels/table.h"
#include "pyseq/runtime.h"
#include "pyseq/tensor.h"

namespace pyseq {

/// Multiply-adds below which handing work to another thread costs more than it saves.
inline constexpr double kParallelWork = 1 << 18;

/// A weight [gates * units, in] in panels.
struct WeightPanels {
  DType storage = DType::float32;
  std::int64_t in = 0;                 // k of the product
  const void* panels = nullptr;        // base/packing.h
  const float* scales = nullptr;       // int8: of the columns in storage
  const std::int32_t* sums = nullptr;  // int8: likewise
};
/// Those of a packed weight; a row-major one (float32) is packed into scratch memory.
WeightPanels weight_panels(const Tensor& weight, int gates, Arena& scratch);

/// Rows as products with weights of that storage type read them.
struct ProductRows {
  const void* values = nullptr;
  std::int64_t stride = 0;                  // in values
  const QuantizedRow* quantized = nullptr;  // int8: one per row
};
/// Memory for `rows` rows of `in` values; nothing for float32, whose rows are read where they are.
struct RowBuffer {
  DType storage = DType::float32;
  void* values = nullptr;
  std::int64_t stride = 0;
  QuantizedRow* quantized = nullptr;
};
RowBuffer allocate_rows(DType storage, std::int64_t rows, std::int64_t in, Arena& scratch);
/// x [rows, in] at x_stride -> rows of the buffer from `first` on, on the calling thread.
ProductRows prepare_rows(const RowBuffer& buffer, std::int64_t first, std::int64_t rows, std::int64_t in,
                         const float* x, std::int64_t x_stride);

/// c[m, n] = epilogue(a b), b's first n columns in storage order.
struct Product {
  std::int64_t m = 0, n = 0;
  ProductRows a;
  WeightPanels b;
  std::int64_t panel = 0;  // columns of b's panels (GemmF32::panel)
  GemmEpilogue epilogue;
  float* c = nullptr;
  std::int64_t ldc = 0;
};
/// Rows [row, row + rows) and columns [column, column + columns) of a product; column starts a panel.
Product part(const Product& whole, std::int64_t row, std::int64_t rows, std::int64_t column, std::int64_t columns);
/// On the calling thread.
void multiply(const Product& product);
/// On all threads. The limits are looked at between blocks.
void parallel_multiply(const Product& product, const RunLimits& limits);
/// The same with the rows of x [m, in] in the place of `product.a`: they are prepared first.
void parallel_multiply(const Product& product, const float* x, std::int64_t x_stride, Arena& scratch,
                       const RunLimits& limits);
/// Several products of the same rows x [m, in]: they are prepared once, and all threads share the work of all products.
void parallel_multiply(std::span<Product> products, const float* x, std::int64_t x_stride, Arena& scratch,
                       const RunLimits& limits);

}  // namespace pyseq
