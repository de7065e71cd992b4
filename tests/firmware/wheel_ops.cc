/*
 * A library that registers redsc's ops with the interpreter of the tflite-micro wheel, through redsc_tflm.h and the
 * kernels as they ship. The two functions that it needs of the wheel are handed in as addresses: to link them by
 * name the wheel's symbols would have to be global, in a process where other runtimes have some of the same names.
 */
#include "redsc_tflm.h"

namespace {

typedef decltype(&tflite::micro::GetEvalInput) InputFunction;
typedef decltype(&tflite::micro::GetEvalOutput) OutputFunction;
InputFunction find_input;
OutputFunction find_output;

}  // namespace

namespace tflite {
namespace micro {

const TfLiteEvalTensor* GetEvalInput(const TfLiteContext* context, const TfLiteNode* node, int index) {
  return find_input(context, node, index);
}

TfLiteEvalTensor* GetEvalOutput(const TfLiteContext* context, const TfLiteNode* node, int index) {
  return find_output(context, node, index);
}

}  // namespace micro
}  // namespace tflite

#define EXPORTED extern "C" __attribute__((visibility("default")))

EXPORTED void redsc_bind_wheel(void* input, void* output);
EXPORTED bool redsc_register_ops(tflite::micro::PythonOpsResolver* resolver);

void redsc_bind_wheel(void* input, void* output) {
  find_input = reinterpret_cast<InputFunction>(input);
  find_output = reinterpret_cast<OutputFunction>(output);
}

bool redsc_register_ops(tflite::micro::PythonOpsResolver* resolver) {
  return static_cast<int>(redsc::register_conv_2d(*resolver)) == 0 &&
         static_cast<int>(redsc::register_fully_connected(*resolver)) == 0;
}
