/*
 * A library that registers redsc's ops with the interpreter of the tflite-micro wheel, through redsc_tflm.h and the
 * kernels as they ship. The functions that it needs of the wheel are handed in as addresses: to link them by
 * name the wheel's symbols would have to be global, in a process where other runtimes have some of the same names.
 */
#include "redsc_tflm.h"

namespace {

typedef decltype(&tflite::micro::GetEvalInput) InputFunction;
typedef decltype(&tflite::micro::GetEvalOutput) OutputFunction;
typedef decltype(&tflite::micro::MicroContextRequestScratchBufferInArena) RequestFunction;
typedef decltype(&tflite::micro::MicroContextGetScratchBuffer) ScratchFunction;
InputFunction find_input;
OutputFunction find_output;
RequestFunction request_scratch;
ScratchFunction find_scratch;

}  // namespace

namespace tflite {
namespace micro {

const TfLiteEvalTensor* GetEvalInput(const TfLiteContext* context, const TfLiteNode* node, int index) {
  return find_input(context, node, index);
}

TfLiteEvalTensor* GetEvalOutput(const TfLiteContext* context, const TfLiteNode* node, int index) {
  return find_output(context, node, index);
}

#ifndef TFLM_GLOBAL_TYPES
TfLiteStatus TfLiteContext::RequestScratchBufferInArena(TfLiteContext* context, std::size_t bytes, int* buffer_idx) {
  return request_scratch(context, bytes, buffer_idx);
}

void* TfLiteContext::GetScratchBuffer(TfLiteContext* context, int buffer_idx) {
  return find_scratch(context, buffer_idx);
}
#endif

}  // namespace micro
}  // namespace tflite

#define EXPORTED extern "C" __attribute__((visibility("default")))

EXPORTED void redsc_bind_wheel(void* input, void* output, void* request, void* scratch);
EXPORTED bool redsc_register_ops(tflite::micro::PythonOpsResolver* resolver);

void redsc_bind_wheel(void* input, void* output, void* request, void* scratch) {
  find_input = reinterpret_cast<InputFunction>(input);
  find_output = reinterpret_cast<OutputFunction>(output);
  request_scratch = reinterpret_cast<RequestFunction>(request);
  find_scratch = reinterpret_cast<ScratchFunction>(scratch);
}

bool redsc_register_ops(tflite::micro::PythonOpsResolver* resolver) {
  return static_cast<int>(redsc::register_conv_2d(*resolver)) == 0 &&
         static_cast<int>(redsc::register_fully_connected(*resolver)) == 0;
}
