#include "ops/product.h"

#include <algorithm>
#include <vector>

#include "base/packing.h"
#include "base/threads.h"
#include "kernels/dispatch.h"
#include "ops/checks.h"

namespace pyseq {
namespace {

/// Rows of a task, at most: few enough for their inputs and outputs to stay in the cache beside the panels.
constexpr std::int64_t kRowBlock = 132;
/// As many panels as a kernel walks over with the same rows in the cache.
constexpr std::int64_t kPanelGroup = 8;
constexpr std::int64_t kFewestPanels = 2;
/// Smaller groups of panels are worth it as long as there are fewer tasks than this.
constexpr std::int64_t kEnoughTasks = 8;
/// Fewer rows take as long as this many: it is the weights that are waited for.
constexpr std::int64_t kRowsPerRead = 8;
/// Values of rows that a task rounds or quantises.
constexpr std::int64_t kPreparedValues = 1 << 14;

std::int64_t blocks_of(std::int64_t size, std::int64_t block) {
  return (size + block - 1) / block;
}

/// How the outputs are cut into tasks. Depends on shapes alone.
struct Cut {
  std::int64_t rows, columns;       // of a task
  std::int64_t row_blocks, groups;  // groups of panels
  std::int64_t grain;               // tasks that are worth handing to a thread
};

Cut cut_of(const Product& product) {
  const std::int64_t row_blocks = blocks_of(product.m, kRowBlock), rows = blocks_of(product.m, row_blocks);
  // Multiply-adds of one panel, those of float32 being the measure.
  const auto speed = static_cast<double>(depth_group(product.b.storage));
  const double panel_work =
      static_cast<double>(std::max(rows, kRowsPerRead) * product.panel) * static_cast<double>(product.b.in + 1) / speed;
  std::int64_t panels = kPanelGroup;
  const auto groups = [&] { return blocks_of(product.n, panels * product.panel); };
  while (panels > kFewestPanels && row_blocks * groups() < kEnoughTasks &&
         panel_work * static_cast<double>(panels) > 2 * kParallelWork) {
    panels /= 2;
  }
  const double task_work = panel_work * static_cast<double>(panels);
  return {rows, panels * product.panel, row_blocks, groups(),
          std::max<std::int64_t>(1, static_cast<std::int64_t>(kParallelWork / task_work))};
}

const void* at(const void* values, DType type, std::int64_t index) {
  return static_cast<const char*>(values) + static_cast<std::int64_t>(item_size(type)) * index;
}

template <typename Gemm, typename Value>
Gemm gemm_arguments(const Product& product) {
  Gemm gemm{};
  gemm.m = product.m;
  gemm.n = product.n;
  gemm.k = product.b.in;
  gemm.a = static_cast<const Value*>(product.a.values);
  gemm.lda = product.a.stride;
  gemm.b = static_cast<const Value*>(product.b.panels);
  gemm.panel = product.panel;
  gemm.epilogue = product.epilogue;
  gemm.c = product.c;
  gemm.ldc = product.ldc;
  return gemm;
}

ProductRows rows_from(const RowBuffer& buffer, std::int64_t first) {
  return {at(buffer.values, buffer.storage, first * buffer.stride), buffer.stride,
          buffer.quantized == nullptr ? nullptr : buffer.quantized + first};
}

/// Rows are the inner loop: neighbouring tasks read the same panels.
void run_task(const Product& product, const Cut& cut, std::int64_t task) {
  const std::int64_t row = task % cut.row_blocks * cut.rows, column = task / cut.row_blocks * cut.columns;
  multiply(part(product, row, std::min(cut.rows, product.m - row), column, std::min(cut.columns, product.n - column)));
}

/// All rows of x, shared among threads.
ProductRows parallel_prepare(const RowBuffer& buffer, std::int64_t rows, std::int64_t in, const float* x,
                             std::int64_t x_stride, const RunLimits& limits) {
  if (buffer.storage == DType::float32) return {x, x_stride, nullptr};
  const std::int64_t grain = std::max<std::int64_t>(1, kPreparedValues / std::max<std::int64_t>(1, in));
  parallel_for(rows, grain, [&](std::int64_t begin, std::int64_t end) {
    limits.check();
    prepare_rows(buffer, begin, end - begin, in, x + begin * x_stride, x_stride);
  });
  return rows_from(buffer, 0);
}

}  // namespace

WeightPanels weight_panels(const Tensor& weight, int gates, Arena& scratch) {
  const std::int64_t in = weight_depth(weight.shape());
  switch (weight.dtype()) {
    case DType::bfloat16:
      return {DType::bfloat16, in, weight.data<BFloat16>(), nullptr, nullptr};
    case DType::int8: {
      const PackedInt8 parts = packed_int8(weight);
      return {DType::int8, in, parts.panels, parts.scales, parts.sums};
    }
    default:
      return {DType::float32, in, packed_or_pack(weight, gates, scratch), nullptr, nullptr};
  }
}

RowBuffer allocate_rows(DType storage, std::int64_t rows, std::int64_t in, Arena& scratch) {
  RowBuffer buffer{storage, nullptr, padded_depth(storage, in), nullptr};
  if (storage == DType::bfloat16) buffer.values = scratch.allocate<BFloat16>(rows * buffer.stride);
  if (storage == DType::int8) {
    buffer.values = scratch.allocate<std::int8_t>(rows * buffer.stride);
    buffer.quantized = scratch.allocate<QuantizedRow>(rows);
  }
  return buffer;
}

ProductRows prepare_rows(const RowBuffer& buffer, std::int64_t first, std::int64_t rows, std::int64_t in,
                         const float* x, std::int64_t x_stride) {
  if (buffer.storage == DType::float32) return {x, x_stride, nullptr};
  if (buffer.storage == DType::bfloat16) {
    auto* y = static_cast<std::uint16_t*>(buffer.values) + first * buffer.stride;
    const RoundRowsBf16 args{rows, in, x, x_stride, y, buffer.stride};
    kernels().round_rows_bf16(&args);
  } else {
    auto* q = static_cast<std::int8_t*>(buffer.values) + first * buffer.stride;
    const QuantizeRowsInt8 args{rows, in, x, x_stride, q, buffer.stride, buffer.quantized + first};
    kernels().quantize_rows_int8(&args);
  }
  return rows_from(buffer, first);
}

Product part(const Product& whole, std::int64_t row, std::int64_t rows, std::int64_t column, std::int64_t columns) {
  Product task = whole;
  const DType storage = whole.b.storage;
  task.m = rows;
  task.n = columns;
  task.a.values = at(whole.a.values, storage, row * whole.a.stride);
  if (whole.a.quantized != nullptr) task.a.quantized += row;
  task.b.panels = at(whole.b.panels, storage, column * padded_depth(storage, whole.b.in));
  if (whole.b.scales != nullptr) {
    task.b.scales += column;
    task.b.sums += column;
  }
  GemmEpilogue& epilogue = task.epilogue;
  if (epilogue.bias != nullptr) epilogue.bias += column;
  if (epilogue.residual != nullptr) epilogue.residual += row * epilogue.residual_stride + column;
  task.c += row * whole.ldc + column;
  return task;
}

void multiply(const Product& product) {
  switch (product.b.storage) {
    case DType::bfloat16: {
      const auto gemm = gemm_arguments<GemmBf16, std::uint16_t>(product);
      return kernels().gemm_bf16(&gemm);
    }
    case DType::int8: {
      auto gemm = gemm_arguments<GemmInt8, std::int8_t>(product);
      gemm.rows = product.a.quantized;
      gemm.column_scales = product.b.scales;
      gemm.column_sums = product.b.sums;
      return kernels().gemm_int8(&gemm);
    }
    default: {
      const auto gemm = gemm_arguments<GemmF32, float>(product);
      return kernels().gemm_f32(&gemm);
    }
  }
}

void parallel_multiply(const Product& product, const RunLimits& limits) {
  if (product.m == 0 || product.n == 0) return;
  const Cut cut = cut_of(product);
  parallel_for(cut.row_blocks * cut.groups, cut.grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end; ++task) {
      limits.check();
      run_task(product, cut, task);
    }
  });
}

void parallel_multiply(const Product& product, const float* x, std::int64_t x_stride, Arena& scratch,
                       const RunLimits& limits) {
  if (product.m == 0 || product.n == 0) return;
  Product whole = product;
  const RowBuffer buffer = allocate_rows(product.b.storage, product.m, product.b.in, scratch);
  whole.a = parallel_prepare(buffer, product.m, product.b.in, x, x_stride, limits);
  parallel_multiply(whole, limits);
}

void parallel_multiply(std::span<Product> products, const float* x, std::int64_t x_stride, Arena& scratch,
                       const RunLimits& limits) {
  std::vector<Cut> cuts;
  std::vector<std::int64_t> ends;  // of the tasks of each product
  std::int64_t tasks = 0, grain = 1;
  for (std::size_t i = 0; i < products.size(); ++i) {
    Product& product = products[i];
    if (i > 0 && product.b.storage == products[0].b.storage) {
      product.a = products[0].a;
    } else {
      const RowBuffer buffer = allocate_rows(product.b.storage, product.m, product.b.in, scratch);
      product.a = parallel_prepare(buffer, product.m, product.b.in, x, x_stride, limits);
    }
    const Cut& cut = cuts.emplace_back(cut_of(product));
    ends.push_back(tasks += product.m == 0 ? 0 : cut.row_blocks * cut.groups);
    grain = std::max(grain, cut.grain);
  }
  parallel_for(tasks, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end; ++task) {
      limits.check();
      std::size_t i = 0;
      while (task >= ends[i]) ++i;
      run_task(products[i], cuts[i], i == 0 ? task : task - ends[i - 1]);
    }
  });
}

}  // namespace pyseq
