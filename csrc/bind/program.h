// Sessions and states as Python holds them.
#pragma once

#include <string>

#include "bind/exclusive.h"
#include "pyseq/program.h"

namespace pyseq {

template <>
inline constexpr const char* kExclusiveName<Session> = "Session";
template <>
inline constexpr const char* kExclusiveName<State> = "State";
using PySession = Exclusive<Session>;
using PyState = Exclusive<State>;

}  // namespace pyseq
