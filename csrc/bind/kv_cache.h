// The key/value cache as Python holds it.
#pragma once

#include "bind/exclusive.h"
#include "ops/kv_cache.h"

namespace pyseq {

template <>
inline constexpr const char* kExclusiveName<KvCache> = "KvCache";
using PyKvCache = Exclusive<KvCache>;

}  // namespace pyseq
