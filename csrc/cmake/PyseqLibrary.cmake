# The C++ library, a folder of csrc/ at a time, lowest layer first. Every layer is an object library, so that the tests
# of a layer link that layer and those below it, and nothing above.
configure_file(csrc/include/pyseq/version.h.in "${CMAKE_CURRENT_BINARY_DIR}/include/pyseq/version.h" @ONLY)

set(PYSEQ_LAYERS base kernels text embeddings ops io graph decode capi)
set(PYSEQ_OBJECTS ${PYSEQ_TIER_OBJECTS})

add_library(pyseq_options INTERFACE)
target_include_directories(
  pyseq_options INTERFACE "${CMAKE_CURRENT_SOURCE_DIR}/csrc" "${CMAKE_CURRENT_SOURCE_DIR}/csrc/include"
                          "${CMAKE_CURRENT_BINARY_DIR}/include")
target_compile_options(pyseq_options INTERFACE -Wall -Wextra -ffp-contract=off)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 warns of "text" + std::string where nothing is wrong (its bugs 105329 and 105651).
  target_compile_options(pyseq_options INTERFACE -Wno-stringop-overflow -Wno-restrict)
endif()
target_link_libraries(pyseq_options INTERFACE Threads::Threads ${CMAKE_DL_LIBS})

foreach(layer ${PYSEQ_LAYERS})
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/csrc/${layer}/*.cpp"
       "${CMAKE_CURRENT_SOURCE_DIR}/csrc/${layer}/passes/*.cpp"
       "${CMAKE_CURRENT_SOURCE_DIR}/csrc/${layer}/constraints/*.cpp"
       "${CMAKE_CURRENT_SOURCE_DIR}/csrc/${layer}/ctc/*.cpp"
       "${CMAKE_CURRENT_SOURCE_DIR}/csrc/${layer}/ngram/*.cpp"
       "${CMAKE_CURRENT_SOURCE_DIR}/csrc/${layer}/serving/*.cpp")
  list(FILTER sources EXCLUDE REGEX "/tier\\.cpp$") # PyseqTiers compiles these
  if(sources)
    add_library(pyseq_${layer} OBJECT ${sources})
    target_link_libraries(pyseq_${layer} PRIVATE pyseq_options nlohmann_json::nlohmann_json)
    # Most of a file's build time went into reading these.
    target_precompile_headers(pyseq_${layer} PRIVATE <algorithm> <functional> <map> <memory> <optional> <span>
                              <string> <variant> <vector>)
    list(APPEND PYSEQ_OBJECTS $<TARGET_OBJECTS:pyseq_${layer}>)
  endif()
  # What a test of this layer links.
  set(PYSEQ_OBJECTS_UP_TO_${layer} ${PYSEQ_OBJECTS})
endforeach()

# Reading files is dominated by the system, not by the optimiser; JSON takes longest to compile.
target_precompile_headers(pyseq_io PRIVATE <nlohmann/json.hpp>)
target_compile_options(pyseq_io PRIVATE -O1)
target_compile_options(pyseq_capi PRIVATE -O1) # passes calls on

if(OpenMP_CXX_FOUND)
  set_source_files_properties(csrc/base/threads_openmp.cpp PROPERTIES COMPILE_OPTIONS "${OpenMP_CXX_FLAGS}"
                                                                          SKIP_PRECOMPILE_HEADERS ON)
  target_compile_definitions(pyseq_options INTERFACE PYSEQ_HAS_OPENMP=1)
endif()

add_library(pyseq STATIC ${PYSEQ_OBJECTS})
add_library(pyseq::pyseq ALIAS pyseq)
target_include_directories(pyseq PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/csrc/include>
                                        $<BUILD_INTERFACE:${CMAKE_CURRENT_BINARY_DIR}/include>)
target_compile_features(pyseq PUBLIC cxx_std_20)
target_link_libraries(pyseq PUBLIC Threads::Threads ${CMAKE_DL_LIBS})
if(OpenMP_CXX_FOUND)
  target_link_libraries(pyseq PUBLIC OpenMP::OpenMP_CXX)
endif()

# The C API alone (pyseq.h) as a shared library. The wheel has no room for a second copy of the kernels: there its CMake
# package links it from the static library for those who ask (pyseqConfig.cmake.in).
if(NOT SKBUILD AND NOT WIN32)
  add_library(pyseq_shared SHARED ${PYSEQ_OBJECTS})
  add_library(pyseq::shared ALIAS pyseq_shared)
  set_target_properties(pyseq_shared PROPERTIES OUTPUT_NAME pyseq EXPORT_NAME shared VERSION ${PYSEQ_VERSION}
                                                SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  target_include_directories(pyseq_shared PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/csrc/include>)
  target_link_libraries(pyseq_shared PRIVATE Threads::Threads ${CMAKE_DL_LIBS})
  if(OpenMP_CXX_FOUND)
    target_link_libraries(pyseq_shared PRIVATE OpenMP::OpenMP_CXX)
  endif()
  if(NOT APPLE)
    set(PYSEQ_SYMBOLS "${CMAKE_CURRENT_SOURCE_DIR}/csrc/capi/symbols.map")
    target_link_options(pyseq_shared PRIVATE "LINKER:--version-script=${PYSEQ_SYMBOLS}")
    set_target_properties(pyseq_shared PROPERTIES LINK_DEPENDS "${PYSEQ_SYMBOLS}")
  endif()
endif()
