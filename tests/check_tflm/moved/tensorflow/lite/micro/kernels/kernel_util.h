/* TFLM's header of this name, with its names moved; one that such a header includes is moved already. */
#ifdef tflite
#include_next "tensorflow/lite/micro/kernels/kernel_util.h"
#else
#include "begin.h"
#include_next "tensorflow/lite/micro/kernels/kernel_util.h"
#include "end.h"
#endif
