// Sizes that are known when a function runs: evaluation of DimExpr.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/threads.h"
#include "io/program_spec.h"

namespace pyseq {

/// The value of `dim`, where shape_of gives the shape of what a size refers to. ShapeError: no such axis; ValueError: a
/// division by zero or a result beyond 63 bits. Division rounds down, as in Python.
std::int64_t evaluate_dim(const DimExpr& dim, std::string_view label, FunctionRef<Shape(const ValueRef&)> shape_of);

}  // namespace pyseq
