/*
 * Between begin.h and end.h every name of TFLM lies in tflite::micro, TfLiteContext and its like included, as in
 * sources newer than August 2026; the schema stays in tflite, and the few types whose header adds to std. What TFLM
 * takes from elsewhere is read before.
 */
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cinttypes>
#include <cmath>
#include <complex>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <limits>
#include <memory>
#include <new>
#include <numeric>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "fixedpoint/fixedpoint.h"
#include "flatbuffers/flatbuffers.h"
#include "flatbuffers/flexbuffers.h"
#include "ruy/profiler/instrumentation.h"
#include "tensorflow/lite/schema/schema_generated.h"
#if __has_include("tensorflow/lite/kernels/internal/types.h")
#include "tensorflow/lite/kernels/internal/types.h"
#else
#include "tensorflow/lite/micro/kernels/internal/types.h"
#endif

namespace tflite {
namespace micro {
inline namespace moved {
inline namespace micro {}
using namespace ::tflite;  // what stayed there
}  // namespace moved
}  // namespace micro
}  // namespace tflite
namespace moved = tflite::micro::moved;  // for ::tflite::Name

namespace tflite {
namespace micro {
#define tflite moved
