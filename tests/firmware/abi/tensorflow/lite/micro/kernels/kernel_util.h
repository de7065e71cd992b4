/*
 * What redsc_tflm.h needs of TFLM, declared anew so that the tflite-micro wheel can be used without TFLM's sources:
 * the layouts are those of tensorflow/lite/core/c/common.h with TF_LITE_STATIC_MEMORY, and in tensorflow/lite/micro
 * of micro_common.h and micro_mutable_op_resolver.h, in the wheel that the `test` extra pins. The wheel has these
 * types in tflite::micro; with TFLM_GLOBAL_TYPES they are in the global namespace, where older sources have them.
 */
#ifndef REDSC_TESTS_TFLM_ABI_H
#define REDSC_TESTS_TFLM_ABI_H

#include <cstddef>
#include <cstdint>

#ifndef TFLM_GLOBAL_TYPES
namespace tflite {
namespace micro {
#endif

enum TfLiteStatus { kTfLiteOk = 0, kTfLiteError = 1 };
enum TfLiteType { kTfLiteNoType = 0, kTfLiteFloat32 = 1 };

struct TfLiteIntArray {
  int size;
  int data[1];  // as many as `size`
};

struct TfLiteEvalTensor {
  union {
    char* raw;
    void* data;
  } data;
  TfLiteIntArray* dims;
  TfLiteType type;
};

struct TfLiteNode {
  TfLiteIntArray *inputs, *outputs, *intermediates;
  void *user_data, *builtin_data;
  const void* custom_initial_data;
  int custom_initial_data_size;
};

// Older sources have function pointers here, the wheel functions, which it calls like these.
struct TfLiteContext {
#ifdef TFLM_GLOBAL_TYPES
  TfLiteStatus (*RequestScratchBufferInArena)(TfLiteContext* context, std::size_t bytes, int* buffer_idx);
  void* (*GetScratchBuffer)(TfLiteContext* context, int buffer_idx);
#else
  static TfLiteStatus RequestScratchBufferInArena(TfLiteContext* context, std::size_t bytes, int* buffer_idx);
  static void* GetScratchBuffer(TfLiteContext* context, int buffer_idx);
#endif
};

struct TFLMRegistration {
  void* (*init)(TfLiteContext* context, const char* buffer, std::size_t length);
  void (*free)(TfLiteContext* context, void* buffer);
  TfLiteStatus (*prepare)(TfLiteContext* context, TfLiteNode* node);
  TfLiteStatus (*invoke)(TfLiteContext* context, TfLiteNode* node);
  void (*reset)(TfLiteContext* context, void* buffer);
  std::int32_t builtin_code;
  const char* custom_name;
};

// The start of MicroMutableOpResolver<200>, which the wheel passes to functions that register ops.
struct PythonOpsResolver {
  enum { kOps = 200, kCustom = 32 };
  void* vtable;
  TFLMRegistration registrations[kOps];
  unsigned int length;

  TfLiteStatus AddCustom(const char* name, const TFLMRegistration* registration) {
    if (length >= static_cast<unsigned int>(kOps)) {
      return kTfLiteError;
    }
    TFLMRegistration& added = registrations[length++];
    added = *registration;
    added.builtin_code = kCustom;
    added.custom_name = name;
    return kTfLiteOk;
  }
};

#ifndef TFLM_GLOBAL_TYPES
}  // namespace micro
}  // namespace tflite
#else
namespace tflite {
namespace micro {
using ::PythonOpsResolver;
}
}  // namespace tflite
#endif

namespace tflite {
namespace micro {
TfLiteStatus MicroContextRequestScratchBufferInArena(TfLiteContext* context, std::size_t bytes, int* buffer_idx);
void* MicroContextGetScratchBuffer(TfLiteContext* context, int buffer_idx);
const TfLiteEvalTensor* GetEvalInput(const TfLiteContext* context, const TfLiteNode* node, int index);
TfLiteEvalTensor* GetEvalOutput(const TfLiteContext* context, const TfLiteNode* node, int index);
}  // namespace micro
}  // namespace tflite

#endif  // REDSC_TESTS_TFLM_ABI_H
