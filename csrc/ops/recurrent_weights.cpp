#include "ops/recurrent_weights.h"

namespace pyseq {
namespace {

/// run(product) for the blocks [begin, end): once for the panels of 32 columns, and once for a narrower last block. The
/// product has no rows of `a` yet.
template <typename Run>
void for_each_product(const GateMatrix& matrix, std::int64_t rows, std::int64_t begin, std::int64_t end, float* c,
                      std::int64_t ldc, Run run) {
  const GateLayout& layout = matrix.layout;
  const auto product = [&](std::int64_t first, std::int64_t last, std::int64_t panel) {
    Product whole;
    whole.m = rows;
    whole.b = matrix.weight;
    whole.panel = panel;
    whole.c = c;
    whole.ldc = ldc;
    whole.epilogue.bias = matrix.bias;
    const std::int64_t columns = ((last - first - 1) * kPanelColumns + layout.width(last - 1)) * layout.gates;
    run(part(whole, 0, rows, layout.first_column(first), columns));
  };
  const bool narrow_end = end > begin && layout.width(end - 1) < kPanelColumns;
  const std::int64_t whole = narrow_end ? end - 1 : end;
  if (whole > begin) product(begin, whole, kPanelColumns);
  if (narrow_end) product(whole, end, kColumnRounding);
}

}  // namespace

void GateMatrix::multiply(const ProductRows& a, std::int64_t rows, std::int64_t begin, std::int64_t end, float* c,
                          std::int64_t ldc) const {
  for_each_product(*this, rows, begin, end, c, ldc, [&](Product product) {
    product.a = a;
    pyseq::multiply(product);
  });
}

void GateMatrix::multiply_all(const float* x, std::int64_t rows, float* c, std::int64_t ldc, Arena& scratch,
                              const RunLimits& limits) const {
  for_each_product(*this, rows, 0, layout.blocks(), c, ldc,
                   [&](const Product& product) { parallel_multiply(product, x, weight.in, scratch, limits); });
}

const float* in_column_order(const Tensor& values, const GateLayout& layout, Arena& scratch) {
  if (!values.defined()) return nullptr;
  float* ordered = scratch.allocate<float>(layout.columns());
  pack_bias(values.data<float>(), layout.hidden, static_cast<int>(layout.gates), ordered);
  return ordered;
}

GateMatrix gate_matrix(const Tensor& weight, const Tensor& bias, int gates, Arena& scratch) {
  const GateLayout layout{weight.size(0) / gates, gates};
  return {layout, weight_panels(weight, gates, scratch), in_column_order(bias, layout, scratch)};
}

}  // namespace pyseq
