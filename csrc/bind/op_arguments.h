// What a Python call hands to an op, as the registry wants it: attributes, operands, wanted outputs.
#pragma once

#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "bind/arrays.h"
#include "bind/kv_cache.h"
#include "ops/registry.h"

namespace pyseq {

/// Named values -> Attrs. ValueError: a value of no attribute type, or what normalize_attrs refuses.
Attrs attrs_from_python(const OpDef& op, const ObjectDict& attributes, std::string_view label);

/// The name of an input by its position among those that are no caches.
std::string_view input_name(const OpDef& op, std::size_t position);

/// The operands of a call, which stay alive and reserved while it computes.
struct Operands {
  std::vector<Tensor> inputs;  // without caches, as OpArgs wants them
  std::vector<PyKvCache::Lease> leases;
  std::vector<KvCache*> caches;

  void add_cache(py::handle cache);
};

/// One flag per optional output of the op.
struct WantedOutputs {
  static constexpr std::size_t kMost = 8;
  std::array<bool, kMost> flags{};
  std::size_t count = 0;

  std::span<const bool> span() const { return {flags.data(), count}; }
};
WantedOutputs wanted_outputs(const OpDef& op, const py::typing::List<py::str>& names, std::string_view label);

}  // namespace pyseq
