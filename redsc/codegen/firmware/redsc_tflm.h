/*
 * redsc: registers the strided kernels with TensorFlow Lite for Microcontrollers. C++11, header only.
 * This file carries no licence obligation.
 *
 *   tflite::MicroMutableOpResolver<8> resolver;
 *   redsc::register_conv_2d(resolver);         // REDSC_CONV_2D
 *   redsc::register_fully_connected(resolver); // REDSC_FULLY_CONNECTED
 *
 * The ops take nothing from the arena's tail beyond what TFLM itself keeps per op: the options stay in flash. int8
 * layers of three pixels or more request a scratch buffer at its head. Prepare refuses options and shapes that do not
 * fit together. TFLM's own types are deduced from the resolver, as they have moved from the global namespace to
 * tflite::micro.
 */
#ifndef REDSC_TFLM_H
#define REDSC_TFLM_H

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "redsc_kernels.h"
#include "tensorflow/lite/micro/kernels/kernel_util.h"

namespace redsc {
namespace internal {

// TfLiteStatus and TfLiteType as numbers (tensorflow/lite/core/c/c_api_types.h: "must not change").
enum { kOk = 0, kError = 1 };
enum { kFloat32 = 1, kInt32 = 2, kInt8 = 9 };

struct Conv2D {
  static const char* name() { return "REDSC_CONV_2D"; }
  static redsc_status check(const redsc_options& options, const redsc_dims& x, const redsc_dims& weight,
                            const redsc_dims& parameters, const redsc_dims& y) {
    return redsc_check_conv_2d(&options, &x, &weight, &parameters, &y);
  }
  static std::uint32_t scratch_bytes(const redsc_options& options, const redsc_dims& x, const redsc_dims& weight,
                                     const redsc_dims& y) {
    return redsc_conv_2d_scratch_bytes(&options, &x, &weight, &y);
  }
  static void run(const redsc_options& options, const redsc_dims& x_dims, const int8_t* x,
                  const redsc_dims& weight_dims, const int8_t* weight, const int32_t* parameters,
                  const redsc_dims& y_dims, int8_t* y, void* scratch) {
    redsc_conv_2d_s8(&options, &x_dims, x, &weight_dims, weight, parameters, &y_dims, y, scratch);
  }
  static void run(const redsc_options& options, const redsc_dims& x_dims, const float* x,
                  const redsc_dims& weight_dims, const float* weight, const float* parameters,
                  const redsc_dims& y_dims, float* y, void* /*scratch*/) {
    redsc_conv_2d_f32(&options, &x_dims, x, &weight_dims, weight, parameters, &y_dims, y);
  }
};

struct FullyConnected {
  static const char* name() { return "REDSC_FULLY_CONNECTED"; }
  static redsc_status check(const redsc_options& options, const redsc_dims& x, const redsc_dims& weight,
                            const redsc_dims& parameters, const redsc_dims& y) {
    return redsc_check_fully_connected(&options, &x, &weight, &parameters, &y);
  }
  static std::uint32_t scratch_bytes(const redsc_options& options, const redsc_dims& x, const redsc_dims& weight,
                                     const redsc_dims& y) {
    return redsc_fully_connected_scratch_bytes(&options, &x, &weight, &y);
  }
  static void run(const redsc_options& options, const redsc_dims& x_dims, const int8_t* x,
                  const redsc_dims& weight_dims, const int8_t* weight, const int32_t* parameters,
                  const redsc_dims& y_dims, int8_t* y, void* scratch) {
    redsc_fully_connected_s8(&options, &x_dims, x, &weight_dims, weight, parameters, &y_dims, y, scratch);
  }
  static void run(const redsc_options& options, const redsc_dims& x_dims, const float* x,
                  const redsc_dims& weight_dims, const float* weight, const float* parameters,
                  const redsc_dims& y_dims, float* y, void* /*scratch*/) {
    redsc_fully_connected_f32(&options, &x_dims, x, &weight_dims, weight, parameters, &y_dims, y);
  }
};

template <typename Tensor>
redsc_dims dims_of(const Tensor& tensor) {
  const redsc_dims dims = {tensor.dims->size, tensor.dims->data};
  return dims;
}

template <typename Element, typename Tensor>
Element* data_of(const Tensor& tensor) {
  return reinterpret_cast<Element*>(tensor.data.raw);
}

// A tensor without data, or one that a damaged file put at an odd address.
template <typename Tensor>
bool is_readable(const Tensor& tensor) {
  const std::uintptr_t address = reinterpret_cast<std::uintptr_t>(tensor.data.raw);
  const bool is_byte = static_cast<int>(tensor.type) == kInt8;
  return address != 0 && (is_byte || address % alignof(std::int32_t) == 0);
}

// The operands of a node, found in either namespace.
template <typename Context, typename Node>
struct Operands {
  typedef decltype(tflite::micro::GetEvalInput(std::declval<Context*>(), std::declval<Node*>(), 0)) Input;
  typedef decltype(tflite::micro::GetEvalOutput(std::declval<Context*>(), std::declval<Node*>(), 0)) Output;
  Input x, weight, parameters;
  Output y;

  bool find(Context* context, Node* node) {
    if (node->inputs->size != 3 || node->outputs->size != 1 || node->outputs->data[0] < 0) {
      return false;
    }
    x = tflite::micro::GetEvalInput(context, node, 0);
    weight = tflite::micro::GetEvalInput(context, node, 1);
    parameters = tflite::micro::GetEvalInput(context, node, 2);
    y = tflite::micro::GetEvalOutput(context, node, 0);
    return x != nullptr && weight != nullptr && parameters != nullptr && y != nullptr;
  }

  bool have_types_of(const redsc_options& options) const {
    const int element = options.element == REDSC_INT8 ? kInt8 : kFloat32;
    const int parameter = options.element == REDSC_INT8 ? kInt32 : kFloat32;
    return static_cast<int>(x->type) == element && static_cast<int>(weight->type) == element &&
           static_cast<int>(parameters->type) == parameter && static_cast<int>(y->type) == element;
  }

  bool are_readable() const {
    return is_readable(*x) && is_readable(*weight) && is_readable(*parameters) && is_readable(*y);
  }

  template <typename Op>
  redsc_status check(const redsc_options& options) const {
    return Op::check(options, dims_of(*x), dims_of(*weight), dims_of(*parameters), dims_of(*y));
  }

  template <typename Op>
  std::uint32_t scratch_bytes(const redsc_options& options) const {
    return options.element == REDSC_INT8 ? Op::scratch_bytes(options, dims_of(*x), dims_of(*weight), dims_of(*y)) : 0;
  }

  template <typename Op, typename Element, typename Parameter>
  void run(const redsc_options& options, void* scratch) const {
    Op::run(options, dims_of(*x), data_of<const Element>(*x), dims_of(*weight), data_of<const Element>(*weight),
            data_of<const Parameter>(*parameters), dims_of(*y), data_of<Element>(*y), scratch);
  }
};

template <typename Node>
bool read_options(const Node& node, redsc_options* options) {
  return node.custom_initial_data_size > 0 &&
         redsc_read_options(node.custom_initial_data, static_cast<std::size_t>(node.custom_initial_data_size),
                            options) == REDSC_OK;
}

// Requests a scratch buffer. The node keeps one more than its index, 0 for none: no memory is needed to remember it.
template <typename Context, typename Node>
bool request_scratch(Context* context, Node* node, std::uint32_t bytes) {
  int index = -1;
  if (bytes != 0 && static_cast<int>(context->RequestScratchBufferInArena(context, bytes, &index)) != kOk) {
    return false;
  }
  node->user_data = reinterpret_cast<void*>(static_cast<std::uintptr_t>(index + 1));
  return true;
}

template <typename Context, typename Node>
void* find_scratch(Context* context, const Node& node) {
  const std::uintptr_t kept = reinterpret_cast<std::uintptr_t>(node.user_data);
  return kept == 0 ? nullptr : context->GetScratchBuffer(context, static_cast<int>(kept) - 1);
}

template <typename Op, typename Status, typename Context, typename Node>
Status prepare(Context* context, Node* node) {
  redsc_options options;
  Operands<Context, Node> operands;
  const bool is_legal = read_options(*node, &options) && operands.find(context, node) &&
                        operands.have_types_of(options) && operands.template check<Op>(options) == REDSC_OK;
  const bool is_ready = is_legal && request_scratch(context, node, operands.template scratch_bytes<Op>(options));
  return static_cast<Status>(is_ready ? kOk : kError);
}

// Reads the options anew: that costs less than a place for them in the arena.
template <typename Op, typename Status, typename Context, typename Node>
Status invoke(Context* context, Node* node) {
  redsc_options options;
  Operands<Context, Node> operands;
  if (!read_options(*node, &options) || !operands.find(context, node) || !operands.are_readable()) {
    return static_cast<Status>(kError);
  }
  void* const scratch = find_scratch(context, *node);
  if (options.element == REDSC_INT8) {
    operands.template run<Op, std::int8_t, std::int32_t>(options, scratch);
  } else {
    operands.template run<Op, float, float>(options, scratch);
  }
  return static_cast<Status>(kOk);
}

template <typename Op, typename Status, typename Context, typename Node>
void set_callbacks(Status (**prepare_callback)(Context*, Node*), Status (**invoke_callback)(Context*, Node*)) {
  *prepare_callback = &prepare<Op, Status, Context, Node>;
  *invoke_callback = &invoke<Op, Status, Context, Node>;
}

template <typename Op, typename Resolver, typename Owner, typename Status, typename Registration>
Status add(Resolver& resolver, Status (Owner::*add_custom)(const char*, Registration*)) {
  typename std::remove_const<Registration>::type registration = {};
  set_callbacks<Op>(&registration.prepare, &registration.invoke);
  return (resolver.*add_custom)(Op::name(), &registration);  // the resolver keeps a copy
}

}  // namespace internal

// Each returns what the resolver's AddCustom returns: kTfLiteOk, or kTfLiteError when the resolver is full.
template <typename Resolver>
auto register_conv_2d(Resolver& resolver) -> decltype(resolver.AddCustom("", nullptr)) {
  return internal::add<internal::Conv2D>(resolver, &Resolver::AddCustom);
}

template <typename Resolver>
auto register_fully_connected(Resolver& resolver) -> decltype(resolver.AddCustom("", nullptr)) {
  return internal::add<internal::FullyConnected>(resolver, &Resolver::AddCustom);
}

}  // namespace redsc

#endif  // REDSC_TFLM_H
