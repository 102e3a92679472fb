#include "kernels/dispatch.h"

#include <atomic>
#include <cstdlib>
#include <span>

#include "base/cpu.h"
#include "pyseq/runtime.h"

// PYSEQ_TIER_LIST comes from csrc/cmake/PyseqTiers.cmake: for every tier compiled in, lowest first,
// TIER(name, FAMILY(Gemm, gemm, tier that the family was compiled for) ...).
#define FAMILY(Type, family, tier) extern const Type##Kernels family##_kernels_##tier;
#define TIER(name, families) families
namespace pyseq {
PYSEQ_TIER_LIST
}  // namespace pyseq
#undef FAMILY
#undef TIER

namespace pyseq {
namespace {

#define FAMILY(Type, family, tier) static_cast<Type##Kernels&>(table) = family##_kernels_##tier;
#define TIER(name, families) \
  [] {                       \
    KernelTable table;       \
    table.isa = #name;       \
    families return table;   \
  }(),
/// Made at the first use: tables of other files may not be there yet when static variables of this one are made.
std::span<const KernelTable> tables() {
  static const KernelTable all[] = {PYSEQ_TIER_LIST};
  return all;
}
#undef FAMILY
#undef TIER

std::atomic<const KernelTable*> active_table{nullptr};

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "none" : text;
}

const KernelTable& find_table(const std::string& isa, const std::string& asked_by) {
  for (const KernelTable& table : tables()) {
    if (table.isa == isa && cpu_supports(isa)) return table;
  }
  throw UnsupportedError(asked_by + ": instruction-set tier '" + isa + "' is not available (present on this machine: " +
                         joined(available_isas()) + "; compiled in: " + joined(compiled_isas()) + ")");
}

const KernelTable& default_table() {
  const char* forced = std::getenv("PYSEQ_ISA");
  if (forced != nullptr && *forced != '\0') return find_table(forced, "PYSEQ_ISA");
  const std::vector<std::string> available = available_isas();
  if (available.empty()) {
    throw UnsupportedError("pyseq: this processor has none of the instruction-set tiers compiled in (" +
                           joined(compiled_isas()) + ")");
  }
  return find_table(available.back(), "pyseq");
}

}  // namespace

const KernelTable& kernels() {
  if (const KernelTable* table = active_table.load(std::memory_order_acquire)) return *table;
  // Read once; a throw leaves it to the next call. A table set by set_isa in between stays.
  static const KernelTable& initial = default_table();
  const KernelTable* none = nullptr;
  active_table.compare_exchange_strong(none, &initial, std::memory_order_acq_rel);
  return *active_table.load(std::memory_order_acquire);
}

std::vector<std::string> compiled_isas() {
  std::vector<std::string> names;
  for (const KernelTable& table : tables()) names.emplace_back(table.isa);
  return names;
}

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const KernelTable& table : tables()) {
    if (cpu_supports(table.isa)) names.emplace_back(table.isa);
  }
  return names;
}

std::string active_isa() {
  return kernels().isa;
}

void set_isa(const std::string& name) {
  active_table.store(&find_table(name, "set_isa"), std::memory_order_release);
}

}  // namespace pyseq
