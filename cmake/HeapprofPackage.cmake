# What lets another project find the installed library: find_package(heapprof) and pkg-config heapprof.
# Components of `cmake --install`: runtime (libheapprof.so), development (headers, libheapprof.a, these files), tools, gui.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/heapprof)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/heapprofConfig.cmake.in
  ${PROJECT_BINARY_DIR}/package/heapprofConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/heapprofConfigVersion.cmake
  VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/package/heapprofConfig.cmake ${PROJECT_BINARY_DIR}/package/heapprofConfigVersion.cmake
        DESTINATION ${package_dir} COMPONENT development)
install(EXPORT heapprofTargets NAMESPACE heapprof:: DESTINATION ${package_dir} COMPONENT development)

# By paths relative to the file itself, so that `cmake --install --prefix` may choose another place than was configured.
file(RELATIVE_PATH HEAPPROF_PC_TO_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(${CMAKE_CURRENT_LIST_DIR}/heapprof.pc.in ${PROJECT_BINARY_DIR}/package/heapprof.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/package/heapprof.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
