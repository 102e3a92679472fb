# One object library per instruction-set tier, each made from the same source: csrc/kernels/tier.cpp. To add a tier, add
# a line below, its vector operations to csrc/kernels/vec.h and its name to csrc/base/cpu.h.
set(PYSEQ_TIERS)
set(PYSEQ_TIER_OBJECTS)

function(pyseq_add_tier name)
  set(target pyseq_kernels_${name})
  add_library(${target} OBJECT csrc/kernels/tier.cpp)
  target_include_directories(${target} PRIVATE csrc csrc/include)
  target_compile_definitions(${target} PRIVATE PYSEQ_TIER=${name} PYSEQ_TIER_${name}=1)
  # Bit patterns of floats are counted as integers and may wrap around (-fwrapv).
  # Contraction stays off: fma is called by name, so that every instantiation of a template rounds alike.
  target_compile_options(${target} PRIVATE -O3 -ffp-contract=off -fwrapv -fno-math-errno -fno-exceptions -fno-rtti -Wall -Wextra
                                           -Wno-psabi ${ARGN})
  set(PYSEQ_TIERS ${PYSEQ_TIERS} ${name} PARENT_SCOPE)
  set(PYSEQ_TIER_OBJECTS ${PYSEQ_TIER_OBJECTS} $<TARGET_OBJECTS:${target}> PARENT_SCOPE)
endfunction()

if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  pyseq_add_tier(v2 -march=x86-64-v2)
  pyseq_add_tier(v3 -march=x86-64-v3)
  pyseq_add_tier(v4 -march=x86-64-v4 -mprefer-vector-width=512)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  pyseq_add_tier(neon -march=armv8-a)
else()
  message(FATAL_ERROR "pyseq has no kernels for ${CMAKE_SYSTEM_PROCESSOR}: x86_64 and aarch64 are supported")
endif()

# dispatch.cpp learns the tiers as TIER(v2) TIER(v3) ...
list(TRANSFORM PYSEQ_TIERS REPLACE "(.+)" "TIER(\\1)" OUTPUT_VARIABLE tier_list)
list(JOIN tier_list " " tier_list)
set_source_files_properties(csrc/kernels/dispatch.cpp PROPERTIES COMPILE_DEFINITIONS "PYSEQ_TIER_LIST=${tier_list}")
