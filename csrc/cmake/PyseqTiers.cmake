# One object library per family of kernels and instruction-set tier, each made from csrc/kernels/<family>/tier.cpp.
# To add a family, add its name to PYSEQ_KERNEL_FAMILIES and its table to csrc/kernels/table.h. To add a tier, add a line
# below, its vector operations to csrc/kernels/vector/vec.h and its name to csrc/base/cpu.cpp. A tier that EXTENDS another
# one compiles only the FAMILIES that have use for its further instructions, and takes the others from it.
set(PYSEQ_KERNEL_FAMILIES additive attention conv crf ctc embeddings gemm limits optimizer pointwise recurrent rowwise spectrum)

set(PYSEQ_TIERS)
set(PYSEQ_TIER_LIBRARIES) # of all tiers and families
set(PYSEQ_TIER_OBJECTS)
set(PYSEQ_TIER_LIST) # for dispatch.cpp: TIER(v2, FAMILY(Gemm, gemm, v2) ...) TIER(v3, ...) ..., lowest first

function(pyseq_add_tier name)
  cmake_parse_arguments(tier "" EXTENDS "FLAGS;FAMILIES" ${ARGN})
  set(libraries)
  set(families)
  foreach(family ${PYSEQ_KERNEL_FAMILIES})
    if(tier_EXTENDS AND NOT family IN_LIST tier_FAMILIES)
      set(source_tier ${tier_EXTENDS})
    else()
      set(source_tier ${name})
      pyseq_add_tier_family(${name} ${family} ${tier_FLAGS})
      list(APPEND libraries pyseq_${family}_${name})
    endif()
    string(SUBSTRING ${family} 0 1 first)
    string(SUBSTRING ${family} 1 -1 rest)
    string(TOUPPER ${first} first)
    string(APPEND families "FAMILY(${first}${rest}, ${family}, ${source_tier}) ")
  endforeach()
  set(PYSEQ_TIERS ${PYSEQ_TIERS} ${name} PARENT_SCOPE)
  set(PYSEQ_TIER_LIST "${PYSEQ_TIER_LIST} TIER(${name}, ${families})" PARENT_SCOPE)
  set(PYSEQ_TIER_LIBRARIES ${PYSEQ_TIER_LIBRARIES} ${libraries} PARENT_SCOPE)
  list(TRANSFORM libraries REPLACE "(.+)" "$<TARGET_OBJECTS:\\1>")
  set(PYSEQ_TIER_OBJECTS ${PYSEQ_TIER_OBJECTS} ${libraries} PARENT_SCOPE)
endfunction()

function(pyseq_add_tier_family tier family)
  set(target pyseq_${family}_${tier})
  add_library(${target} OBJECT csrc/kernels/${family}/tier.cpp)
  target_include_directories(${target} PRIVATE csrc csrc/include)
  target_compile_definitions(${target} PRIVATE PYSEQ_TIER=${tier})
  # Bit patterns of floats are counted as integers and may wrap around (-fwrapv).
  # Contraction stays off: fma is called by name, so that every instantiation of a template rounds alike.
  target_compile_options(${target} PRIVATE -O3 -ffp-contract=off -fwrapv -fno-math-errno -fno-exceptions -fno-rtti -Wall
                                           -Wextra -Wno-psabi ${ARGN})
endfunction()

if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set(avx512 -march=x86-64-v4 -mprefer-vector-width=512)
  set(low_precision FAMILIES gemm limits recurrent)
  pyseq_add_tier(v2 FLAGS -march=x86-64-v2)
  pyseq_add_tier(v3 FLAGS -march=x86-64-v3)
  pyseq_add_tier(v4 FLAGS ${avx512})
  pyseq_add_tier(v4_vnni EXTENDS v4 FLAGS ${avx512} -mavx512vnni ${low_precision})
  pyseq_add_tier(v4_bf16 EXTENDS v4 FLAGS ${avx512} -mavx512vnni -mavx512bf16 ${low_precision})
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  pyseq_add_tier(neon FLAGS -march=armv8-a)
else()
  message(FATAL_ERROR "pyseq has no kernels for ${CMAKE_SYSTEM_PROCESSOR}: x86_64 and aarch64 are supported")
endif()

set_source_files_properties(csrc/kernels/dispatch.cpp PROPERTIES COMPILE_DEFINITIONS
                                                                 "PYSEQ_TIER_LIST=${PYSEQ_TIER_LIST}")
