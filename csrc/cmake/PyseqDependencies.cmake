# Threads, OpenMP (optional) and the JSON headers, which come from the package index.
find_package(Threads REQUIRED)
if(PYSEQ_OPENMP)
  find_package(OpenMP COMPONENTS CXX)
endif()

find_package(nlohmann_json QUIET)
if(NOT nlohmann_json_FOUND)
  find_package(Python COMPONENTS Interpreter REQUIRED)
  execute_process(
    COMMAND "${Python_EXECUTABLE}" -c "import nlohmann_json, os; print(os.path.dirname(nlohmann_json.__file__))"
    OUTPUT_VARIABLE NLOHMANN_JSON_PACKAGE OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE NLOHMANN_JSON_MISSING ERROR_QUIET)
  if(NLOHMANN_JSON_MISSING)
    message(FATAL_ERROR "nlohmann-json headers are missing: python -m pip install nlohmann-json")
  endif()
  add_library(nlohmann_json::nlohmann_json INTERFACE IMPORTED)
  target_include_directories(nlohmann_json::nlohmann_json INTERFACE "${NLOHMANN_JSON_PACKAGE}/include")
endif()
