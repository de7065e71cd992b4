# redsc for CMake 3.20 and newer.
#
#   cmake -B build -Dredsc_DIR=$(redsc --cmake-dir)
#
#   find_package(redsc REQUIRED)
#   redsc_add_model(kws MODEL kws.onnx RAM 24KiB LEVELS 25 50 75 100 DATA calib.npz)
#   target_link_libraries(firmware PRIVATE kws)
#
# redsc_add_model(<target> MODEL <file> [OBJECT] [NAME <name>] [<budgets and files>] [LEVELS <percent>...]
#                 [RESOLUTION <size>...] [CROP <part>...] [ARGS <argument>...])
#   Adds a static library (an object library with OBJECT) with the levels of a model, and its headers to whoever links
#   it: <name>.h, <name>_manager.h, <name>_tflm.h. NAME is the prefix of files and C symbols, by default the target.
#   Each of RAM FLASH MACS LATENCY TARGET RESIDENT KERNELS SHARE ARRAY BACKEND PREFER takes one value and is the flag of
#   `redsc compile` with that name, so are the files DATA EVAL PLAN; LEVELS and RESOLUTION are its lists, every CROP is
#   one more --crop, and ARGS are any others. Options in a redsc.toml above the build folder count too. With BACKEND c there is no
#   <name>_tflm.h. Files are relative to the current source folder. They, external weights and an update of redsc are what the library depends on: a change
#   makes it again, and only what differs is compiled again.
#
# redsc::kernels
#   The kernels of the C engine, and of TFLM's levels that share weights in place. One library in a build, with the compile flags of the folder
#   that adds the first model; every model links it, nothing of it stays where it is not called.
#
# REDSC_EXECUTABLE is the program, of the same installation as this file.

cmake_minimum_required(VERSION 3.20...3.31)

cmake_path(SET _redsc_package NORMALIZE "${CMAKE_CURRENT_LIST_DIR}/../..")
find_program(REDSC_EXECUTABLE redsc
  HINTS "${_redsc_package}/../../../../bin" "${_redsc_package}/../../../Scripts"
  DOC "The program redsc")
unset(_redsc_package)
if(NOT REDSC_EXECUTABLE)
  set(redsc_FOUND FALSE)
  set(redsc_NOT_FOUND_MESSAGE "there is no program redsc on the PATH; set REDSC_EXECUTABLE to it")
  return()
endif()
execute_process(COMMAND "${REDSC_EXECUTABLE}" --cmake-dir
  OUTPUT_VARIABLE _redsc_folder OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
file(REAL_PATH "${_redsc_folder}" _redsc_folder)
file(REAL_PATH "${CMAKE_CURRENT_LIST_DIR}" _redsc_own)
if(NOT _redsc_folder STREQUAL _redsc_own)
  set(redsc_FOUND FALSE)
  set(redsc_NOT_FOUND_MESSAGE
    "${REDSC_EXECUTABLE} belongs to another installation than ${_redsc_own}; set REDSC_EXECUTABLE or redsc_DIR")
  return()
endif()
unset(_redsc_folder)
unset(_redsc_own)

function(redsc_add_model target)
  set(flags RAM FLASH MACS LATENCY TARGET RESIDENT KERNELS SHARE ARRAY BACKEND PREFER)
  set(files DATA EVAL PLAN)
  cmake_parse_arguments(PARSE_ARGV 1 arg "OBJECT" "MODEL;NAME;${flags};${files}" "LEVELS;RESOLUTION;CROP;ARGS")
  if(NOT arg_NAME)
    set(arg_NAME "${target}")
  endif()
  _redsc_check_arguments()

  set(command "")
  foreach(flag IN LISTS flags)
    if(DEFINED arg_${flag})
      string(TOLOWER "${flag}" word)
      list(APPEND command "--${word}" "${arg_${flag}}")
    endif()
  endforeach()
  set(dependencies "")
  foreach(file IN LISTS files)
    if(DEFINED arg_${file})
      string(TOLOWER "${file}" word)
      cmake_path(ABSOLUTE_PATH arg_${file} NORMALIZE)
      list(APPEND command "--${word}" "${arg_${file}}")
      list(APPEND dependencies "${arg_${file}}")
    endif()
  endforeach()
  foreach(list IN ITEMS LEVELS RESOLUTION)
    if(DEFINED arg_${list})
      string(TOLOWER "${list}" word)
      list(JOIN arg_${list} "," items)
      list(APPEND command "--${word}" "${items}")
    endif()
  endforeach()
  foreach(crop IN LISTS arg_CROP)
    list(APPEND command --crop "${crop}")
  endforeach()

  cmake_path(ABSOLUTE_PATH arg_MODEL NORMALIZE)
  cmake_path(GET arg_MODEL FILENAME model)
  set(folder "${CMAKE_CURRENT_BINARY_DIR}/redsc/${target}")
  set(prefix "${folder}/${arg_NAME}")
  set(sources "${prefix}.c" "${prefix}.h" "${prefix}_manager.h")
  if(NOT arg_BACKEND STREQUAL "c")
    list(APPEND sources "${prefix}_tflm.h")
  endif()
  add_custom_command(
    OUTPUT "${prefix}.report.json" # written by every run; the others stay where they would be equal
    BYPRODUCTS ${sources} "${prefix}.tflite" "${prefix}.plan.json"
    COMMAND "${REDSC_EXECUTABLE}" compile "${arg_MODEL}" -o "${folder}" --name "${arg_NAME}"
            --depfile "${prefix}.d" ${command} ${arg_ARGS}
    DEPENDS "${arg_MODEL}" ${dependencies} "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../../version.py"
    DEPFILE "${prefix}.d"
    COMMENT "redsc: ${target} from ${model}"
    VERBATIM)
  add_custom_target(${target}_redsc DEPENDS "${prefix}.report.json")

  set(type STATIC)
  if(arg_OBJECT)
    set(type OBJECT)
  endif()
  add_library(${target} ${type} ${sources})
  add_dependencies(${target} ${target}_redsc)
  target_include_directories(${target} PUBLIC "${folder}")
  if(arg_ARRAY STREQUAL "incbin")
    # The compiler does not see what the assembler reads, and a linker that optimises does not see its symbol.
    set_source_files_properties("${prefix}.c" PROPERTIES OBJECT_DEPENDS "${prefix}.tflite" COMPILE_OPTIONS -fno-lto)
  endif()
  _redsc_add_kernels()
  target_link_libraries(${target} PUBLIC redsc::kernels)
endfunction()

# Stop where the arguments of redsc_add_model are none. A macro: it reads the caller's variables.
macro(_redsc_check_arguments)
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "redsc_add_model(${target}): unknown argument ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(arg_KEYWORDS_MISSING_VALUES)
    message(FATAL_ERROR "redsc_add_model(${target}): no value for ${arg_KEYWORDS_MISSING_VALUES}")
  endif()
  if(NOT arg_MODEL)
    message(FATAL_ERROR "redsc_add_model(${target}): MODEL is missing")
  endif()
  if(NOT arg_NAME MATCHES "^[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*$")
    message(FATAL_ERROR "redsc_add_model(${target}): ${arg_NAME} is no C identifier: add NAME and one "
      "of letters, digits and single underscores")
  endif()
  if(NOT CMAKE_C_COMPILER_LOADED)
    message(FATAL_ERROR "redsc_add_model(${target}): add C to the languages of project()")
  endif()
endmacro()

function(_redsc_add_kernels)
  if(TARGET redsc_kernels)
    return()
  endif()
  set(folder "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../firmware")
  file(GLOB sources CONFIGURE_DEPENDS "${folder}/*.c" "${folder}/*.h")
  add_library(redsc_kernels STATIC EXCLUDE_FROM_ALL ${sources})
  add_library(redsc::kernels ALIAS redsc_kernels)
  target_include_directories(redsc_kernels PUBLIC "${folder}")
  target_link_libraries(redsc_kernels PUBLIC "$<$<C_COMPILER_ID:GNU,Clang,AppleClang>:m>") # float32 layers
endfunction()
