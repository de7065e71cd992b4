/*
 * The interfaces of TFLM that a sketch calls, as in tensorflow/lite/micro: micro_interpreter.h, micro_allocator.h and
 * micro_mutable_op_resolver.h. The network behind them is one that a test understands: it answers with the first
 * bytes of its input.
 */
#ifndef REDSC_TESTS_MICRO_INTERPRETER_H
#define REDSC_TESTS_MICRO_INTERPRETER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tensorflow/lite/micro/kernels/kernel_util.h"

struct TfLiteTensor {
  union {
    char* raw;
    void* data;
  } data;
  size_t bytes;
};

namespace tflite {

struct Model;
inline const Model* GetModel(const void* bytes) { return static_cast<const Model*>(bytes); }

class MicroAllocator {
 public:
  static MicroAllocator* Create(uint8_t* arena, size_t bytes) {
    static MicroAllocator only;
    only.is_aligned = reinterpret_cast<uintptr_t>(arena) % 16 == 0 && bytes > 0;
    return &only;
  }
  bool is_aligned;
};

class MicroResourceVariables {
 public:
  static MicroResourceVariables* Create(MicroAllocator* allocator, int count) {
    static MicroResourceVariables only;
    only.count = allocator == nullptr ? 0 : count;
    return &only;
  }
  int count = 0;
};

class MicroOpResolver {};

template <unsigned int kOps>
class MicroMutableOpResolver : public MicroOpResolver {
 public:
#include "resolver_methods.inc"
  TfLiteStatus AddCustom(const char*, const TFLMRegistration*) { return add(); }

 private:
  TfLiteStatus add() { return count++ < kOps ? kTfLiteOk : kTfLiteError; }
  unsigned int count = 0;
};

class MicroInterpreter {
 public:
  MicroInterpreter(const Model* model, const MicroOpResolver&, MicroAllocator* allocator,
                   MicroResourceVariables* variables = nullptr)
      : model_(model), allocator_(allocator), variables_(variables) {
    tensor_.data.raw = bytes_;
    tensor_.bytes = sizeof(bytes_);
  }
  TfLiteStatus AllocateTensors() {
    const char* bytes = reinterpret_cast<const char*>(model_);
    is_ready_ = allocator_->is_aligned && memcmp(bytes + 4, "TFL3", 4) == 0;
    return is_ready_ ? kTfLiteOk : kTfLiteError;
  }
  TfLiteStatus Invoke() {
    last_model() = model_;
    last_variables() = variables_;
    return is_ready_ ? kTfLiteOk : kTfLiteError;
  }
  TfLiteTensor* input(size_t) { return &tensor_; }
  TfLiteTensor* output(size_t) { return &tensor_; }
  static const Model*& last_model() {
    static const Model* model = nullptr;
    return model;
  }
  static const MicroResourceVariables*& last_variables() {
    static const MicroResourceVariables* variables = nullptr;
    return variables;
  }

 private:
  const Model* model_;
  MicroAllocator* allocator_;
  MicroResourceVariables* variables_;
  TfLiteTensor tensor_;
  bool is_ready_ = false;
  alignas(16) char bytes_[1 << 14];
};

}  // namespace tflite

#endif
