#include "graph/dims.h"

#include <limits>
#include <string>

namespace pyseq {
namespace {

std::int64_t floor_divide(std::int64_t a, std::int64_t b, std::string_view label) {
  if (b == 0) throw ValueError(std::string(label) + ": a size is divided by zero");
  if (b == -1 && a == std::numeric_limits<std::int64_t>::min()) {
    throw ValueError(std::string(label) + ": a size does not fit 64 bits");
  }
  const std::int64_t quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

std::int64_t arithmetic(DimExpr::Kind kind, std::int64_t a, std::int64_t b, std::string_view label) {
  std::int64_t result = 0;
  bool overflow = false;
  switch (kind) {
    case DimExpr::Kind::add:
      overflow = __builtin_add_overflow(a, b, &result);
      break;
    case DimExpr::Kind::subtract:
      overflow = __builtin_sub_overflow(a, b, &result);
      break;
    case DimExpr::Kind::multiply:
      overflow = __builtin_mul_overflow(a, b, &result);
      break;
    default:
      return floor_divide(a, b, label);
  }
  if (overflow) throw ValueError(std::string(label) + ": a size does not fit 64 bits");
  return result;
}

}  // namespace

std::int64_t evaluate_dim(const DimExpr& dim, std::string_view label, FunctionRef<Shape(const ValueRef&)> shape_of) {
  if (dim.kind == DimExpr::Kind::constant) return dim.constant;
  if (dim.kind == DimExpr::Kind::size) {
    const Shape shape = shape_of(dim.of);
    const int axis = dim.axis < 0 ? dim.axis + shape.rank() : dim.axis;
    if (axis < 0 || axis >= shape.rank()) {
      throw ShapeError(std::string(label) + ": an attribute is the size of axis " + std::to_string(dim.axis) +
                       ", but that tensor has shape " + shape.to_string());
    }
    return shape[axis];
  }
  return arithmetic(dim.kind, evaluate_dim(dim.operands[0], label, shape_of),
                    evaluate_dim(dim.operands[1], label, shape_of), label);
}

}  // namespace pyseq
