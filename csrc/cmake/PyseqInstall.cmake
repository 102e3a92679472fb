# What `cmake --install` gives C and C++ users: the libraries, the headers and the CMake package. The wheel carries the
# same tree, without the shared library, in pyseq/cpp. Nothing in it holds an absolute path, so it may be moved.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

if(SKBUILD)
  set(PYSEQ_INSTALL_PREFIX_CPP "pyseq/cpp/")
else()
  # Not ".": the exported targets find the prefix by counting the folders of their own path.
  set(PYSEQ_INSTALL_PREFIX_CPP "")
endif()
# Always lib, never lib64 or lib/<triplet>: `python -m pyseq --cmake-dir` and the wheel count on it.
set(CMAKE_INSTALL_LIBDIR lib)
set(PYSEQ_INSTALL_LIB "${PYSEQ_INSTALL_PREFIX_CPP}${CMAKE_INSTALL_LIBDIR}")
set(PYSEQ_INSTALL_INCLUDE "${PYSEQ_INSTALL_PREFIX_CPP}${CMAKE_INSTALL_INCLUDEDIR}")
set(PYSEQ_INSTALL_CMAKE "${PYSEQ_INSTALL_LIB}/cmake/pyseq")

target_include_directories(pyseq PUBLIC "$<INSTALL_INTERFACE:${PYSEQ_INSTALL_INCLUDE}>")
install(TARGETS pyseq EXPORT pyseqTargets ARCHIVE DESTINATION "${PYSEQ_INSTALL_LIB}")
if(TARGET pyseq_shared)
  target_include_directories(pyseq_shared PUBLIC "$<INSTALL_INTERFACE:${PYSEQ_INSTALL_INCLUDE}>")
  install(TARGETS pyseq_shared EXPORT pyseqTargets LIBRARY DESTINATION "${PYSEQ_INSTALL_LIB}")
endif()
# Names that no linker needs are a fortieth of the archive.
if(CMAKE_STRIP AND UNIX AND NOT APPLE)
  install(CODE "execute_process(COMMAND \"${CMAKE_STRIP}\" --strip-unneeded
    \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${PYSEQ_INSTALL_LIB}/libpyseq.a\")")
endif()
install(EXPORT pyseqTargets NAMESPACE pyseq:: DESTINATION "${PYSEQ_INSTALL_CMAKE}")
install(FILES csrc/include/pyseq.h DESTINATION "${PYSEQ_INSTALL_INCLUDE}")
install(DIRECTORY csrc/include/pyseq "${CMAKE_CURRENT_BINARY_DIR}/include/pyseq"
        DESTINATION "${PYSEQ_INSTALL_INCLUDE}" FILES_MATCHING PATTERN "*.h")

set(PYSEQ_PACKAGE_DIR "${CMAKE_CURRENT_BINARY_DIR}/package")
configure_package_config_file(csrc/cmake/pyseqConfig.cmake.in "${PYSEQ_PACKAGE_DIR}/pyseqConfig.cmake"
                              INSTALL_DESTINATION "${PYSEQ_INSTALL_CMAKE}" NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${PYSEQ_PACKAGE_DIR}/pyseqConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PYSEQ_PACKAGE_DIR}/pyseqConfig.cmake" "${PYSEQ_PACKAGE_DIR}/pyseqConfigVersion.cmake"
              csrc/capi/symbols.map
        DESTINATION "${PYSEQ_INSTALL_CMAKE}")
