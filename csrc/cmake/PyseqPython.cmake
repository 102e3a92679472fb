# The Python extensions: pyseq/_core (pybind11 over the whole library), pyseq/text/_counting and pyseq/data/_batching
# (Cython).
find_package(Python 3.10 REQUIRED COMPONENTS Interpreter Development.Module)

# A build without pip's isolation finds pybind11 through the interpreter.
if(NOT pybind11_DIR)
  execute_process(COMMAND "${Python_EXECUTABLE}" -m pybind11 --cmakedir OUTPUT_VARIABLE pybind11_DIR
                  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
# Link-time optimisation would only reach the bindings, which wait for the library anyway.
set(CMAKE_INTERPROCEDURAL_OPTIMIZATION OFF)
set(PYBIND11_FINDPYTHON ON)
find_package(pybind11 2.13 CONFIG REQUIRED)

file(GLOB PYSEQ_BIND_SOURCES CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/csrc/bind/*.cpp")
pybind11_add_module(_core MODULE ${PYSEQ_BIND_SOURCES})
target_link_libraries(_core PRIVATE pyseq_options pyseq)
target_precompile_headers(_core PRIVATE <pybind11/numpy.h> <pybind11/pybind11.h> <pybind11/stl.h>)
target_compile_options(_core PRIVATE -O1) # conversions only: the arithmetic is in the library
# What every eager call runs through. GCC 12 crashes on headers that were precompiled with another level.
set_source_files_properties(csrc/bind/eager_call.cpp PROPERTIES COMPILE_OPTIONS -O2 SKIP_PRECOMPILE_HEADERS ON)
# One exported symbol, the module's entry point: nothing of ours or of libstdc++'s meets another library's copy.
target_link_options(_core PRIVATE LINKER:--exclude-libs,ALL)

function(pyseq_add_cython folder name)
  set(pyx "${CMAKE_CURRENT_SOURCE_DIR}/pyseq/${folder}/${name}.pyx")
  set(cpp "${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp")
  add_custom_command(
    OUTPUT "${cpp}"
    COMMAND "${Python_EXECUTABLE}" -m cython --cplus -3 --output-file "${cpp}" "${pyx}"
    DEPENDS "${pyx}"
    VERBATIM)
  python_add_library(${name} MODULE WITH_SOABI "${cpp}")
  target_compile_options(${name} PRIVATE -O2) # -O3 makes half as much code again of what only walks lists and strings
  install(TARGETS ${name} DESTINATION pyseq/${folder})
endfunction()
pyseq_add_cython(text _counting)
pyseq_add_cython(data _batching)

install(TARGETS _core DESTINATION pyseq)
