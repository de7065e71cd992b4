/* TFLM's header of this name, with its names moved; one that such a header includes is moved already. */
#ifdef tflite
#include_next "tensorflow/lite/micro/micro_interpreter.h"
#else
#include "begin.h"
#include_next "tensorflow/lite/micro/micro_interpreter.h"
#include "end.h"
#endif
