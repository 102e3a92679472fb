#include "ops/unpacked_gemm.h"

#include <algorithm>
#include <memory>

#include "base/arena.h"
#include "base/packing.h"
#include "base/threads.h"
#include "kernels/dispatch.h"
#include "ops/product.h"

namespace pyseq {
namespace {

// A piece of b, 256 of k times up to 256 columns (512 when a must be transposed, which costs more), is packed into 256
// or 512 KiB that stay in a core's own cache, and all rows of the task are multiplied with it, 96 at a time: so many,
// transposed, fit beside it.
constexpr std::int64_t kDepth = 256;  // where the sums of gemm_f32 are cut
constexpr std::int64_t kMostColumns = 256, kMostColumnsOfTransposed = 512;
constexpr std::int64_t kMostRows = 96;

// What packing b costs is shared by the rows of a task, and transposing a by its columns, so they are many; but all
// threads need some tasks, several of them, since they are not equally fast.
constexpr std::int64_t kMostTaskRows = 1536;
constexpr std::int64_t kTasksPerThread = 4;
constexpr std::int64_t kFewestRows = 96, kFewestColumns = 64;
constexpr std::int64_t kTileRows = 12;
/// Packing costs these more than reading b as it stands.
constexpr std::int64_t kFewRows = 4;

std::int64_t blocks_of(std::int64_t size, std::int64_t block) {
  return (size + block - 1) / block;
}
/// The larger half, rounded up to a multiple.
std::int64_t half_of(std::int64_t size, std::int64_t multiple) {
  return blocks_of(size, 2 * multiple) * multiple;
}

/// How the outputs are cut into tasks. No bit depends on it: sums are cut along k alone.
struct Cut {
  std::int64_t rows, columns;                          // of a task
  std::int64_t row_blocks = 0, groups = 0, tasks = 0;  // of a matrix; in all
};

double work_of(const Cut& cut, std::int64_t k) {
  return static_cast<double>(cut.rows * cut.columns) * static_cast<double>(k + 1);
}

Cut cut_of(const UnpackedGemm& product) {
  const std::int64_t enough = num_threads() == 1 ? 1 : kTasksPerThread * num_threads();
  const std::int64_t most_columns = product.a.transposed ? kMostColumnsOfTransposed : kMostColumns;
  Cut cut{std::min(product.m, kMostTaskRows), std::min(product.n, most_columns)};
  while (true) {
    cut.row_blocks = blocks_of(product.m, cut.rows);
    cut.groups = blocks_of(product.n, cut.columns);
    cut.tasks = product.count * cut.row_blocks * cut.groups;
    if (cut.tasks >= enough || work_of(cut, product.k) < 4 * kParallelWork) return cut;
    if (cut.columns > kFewestColumns && (product.a.transposed ? 1 : 2) * cut.columns > cut.rows) {
      cut.columns = half_of(cut.columns, kPanelColumns);
    } else if (cut.rows > kFewestRows) {
      cut.rows = half_of(cut.rows, kTileRows);
    } else {
      return cut;
    }
  }
}

/// Memory that one thread packs into.
class Scratch {
 public:
  Scratch(const UnpackedGemm& product, const Cut& cut)
      : panel_values_(padded_columns(cut.columns) * std::min(product.k, kDepth)),
        memory_(MemoryPool::allocate(static_cast<std::size_t>(panel_values_ + row_values(product)) * sizeof(float))) {}
  float* panels() { return static_cast<float*>(memory_.get()); }
  float* rows() { return panels() + panel_values_; }

 private:
  static std::int64_t row_values(const UnpackedGemm& product) {
    return product.a.transposed ? std::min(product.m, kMostRows) * kReadyRowStride : 0;
  }

  std::int64_t panel_values_;
  std::shared_ptr<void> memory_;
};

/// One task: rows [row, row + rows) and columns [column, column + columns) of one product.
struct Part {
  std::int64_t row, rows, column, columns;
};

const float* at(const GemmOperand& operand, std::int64_t row, std::int64_t column) {
  return operand.values + (operand.transposed ? column * operand.stride + row : row * operand.stride + column);
}

GemmEpilogue part_of(GemmEpilogue epilogue, std::int64_t row, std::int64_t column) {
  if (epilogue.bias != nullptr) epilogue.bias += column;
  if (epilogue.residual != nullptr) epilogue.residual += row * epilogue.residual_stride + column;
  return epilogue;
}

void pack_piece(const UnpackedGemm& product, const Part& part, std::int64_t begin, std::int64_t depth, float* panels) {
  const PackF32 pack{.k = depth,
                     .n = part.columns,
                     .b = at(product.b, begin, part.column),
                     .stride = product.b.stride,
                     .transposed = product.b.transposed,
                     .panels = panels};
  kernels().pack_f32(&pack);
}

/// The arguments for rows [row, row + rows) and depth [begin, begin + depth), whose b stands packed in scratch.
GemmF32 piece_of(const UnpackedGemm& product, const Part& part, std::int64_t row, std::int64_t rows, std::int64_t begin,
                 std::int64_t depth) {
  const bool last = begin + depth == product.k;
  return {.m = rows,
          .n = part.columns,
          .k = depth,
          .a = at(product.a, row, begin),
          .lda = product.a.stride,
          .b = nullptr,
          .panel = kPanelColumns,
          .epilogue = last ? part_of(product.epilogue, row, part.column) : GemmEpilogue{},
          .c = product.c + row * product.ldc + part.column,
          .ldc = product.ldc,
          .accumulate = begin > 0};
}

/// Adds the piece of depth [begin, begin + depth), which stands in scratch, to the rows [row, row + rows).
void multiply_piece(const UnpackedGemm& product, const Part& part, std::int64_t row, std::int64_t rows,
                    std::int64_t begin, std::int64_t depth, Scratch& scratch) {
  GemmF32 piece = piece_of(product, part, row, rows, begin, depth);
  piece.b = scratch.panels();
  if (product.a.transposed) {
    const TransposeF32 transpose{.rows = depth,
                                 .columns = rows,
                                 .x = piece.a,
                                 .x_stride = piece.lda,
                                 .y = scratch.rows(),
                                 .y_stride = kReadyRowStride};
    kernels().transpose_f32(&transpose);
    piece.a = scratch.rows();
    piece.lda = kReadyRowStride;
  }
  kernels().gemm_f32(&piece);
}

/// A piece for all rows of the task at once: few of them read it where it stands.
void multiply_few_rows(const UnpackedGemm& product, const Part& part, std::int64_t begin, std::int64_t depth,
                       Scratch& scratch) {
  GemmRowMajorF32 piece{piece_of(product, part, part.row, part.rows, begin, depth), product.b.stride, scratch.panels()};
  piece.product.b = at(product.b, begin, part.column);
  kernels().gemm_row_major_f32(&piece);
}

void multiply_part(const UnpackedGemm& product, const Part& part, Scratch& scratch, const RunLimits& limits) {
  for (std::int64_t begin = 0; begin == 0 || begin < product.k; begin += kDepth) {
    const std::int64_t depth = std::min(kDepth, product.k - begin);
    limits.check();
    if (product.m <= kFewRows && !product.a.transposed && !product.b.transposed) {
      multiply_few_rows(product, part, begin, depth, scratch);
      continue;
    }
    pack_piece(product, part, begin, depth, scratch.panels());
    for (std::int64_t row = part.row; row < part.row + part.rows; row += kMostRows) {
      multiply_piece(product, part, row, std::min(kMostRows, part.row + part.rows - row), begin, depth, scratch);
    }
  }
}

UnpackedGemm matrix_of(const UnpackedGemm& product, std::int64_t index) {
  UnpackedGemm one = product;
  one.a.values += index * product.a_step;
  one.b.values += index * product.b_step;
  one.c += index * product.c_step;
  return one;
}

}  // namespace

void unpacked_gemm(const UnpackedGemm& product, const RunLimits& limits) {
  if (product.count == 0 || product.m == 0 || product.n == 0) return;
  const Cut cut = cut_of(product);
  const auto grain = static_cast<std::int64_t>(kParallelWork / work_of(cut, product.k));
  // Rows are the inner loop: neighbouring tasks read the same part of b.
  parallel_for(cut.tasks, grain, [&](std::int64_t begin, std::int64_t end) {
    Scratch scratch(product, cut);
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t row = task % cut.row_blocks * cut.rows;
      const std::int64_t column = task / cut.row_blocks % cut.groups * cut.columns;
      const UnpackedGemm matrix = matrix_of(product, task / cut.row_blocks / cut.groups);
      multiply_part(matrix,
                    {row, std::min(cut.rows, product.m - row), column, std::min(cut.columns, product.n - column)},
                    scratch, limits);
    }
  });
}

}  // namespace pyseq
