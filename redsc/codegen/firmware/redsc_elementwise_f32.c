/*
 * redsc: float32 arithmetic on two operands. This file carries no licence obligation.
 *
 * Follows tensorflow/lite/kernels/internal/reference/{add,sub,mul,div,maximum_minimum}.h and tensorflow/lite/micro/
 * kernels/{prelu_common,squared_difference}.cc.
 */
#include "redsc_elementwise_f32.h"

static inline float redsc_limited_f32(const redsc_binary_params_f32 *params, float value) {
  const float floored = value < params->minimum ? params->minimum : value;
  return floored > params->maximum ? params->maximum : floored;
}

REDSC_BINARY_F32(add, float, redsc_limited_f32(p, x + w))
REDSC_BINARY_F32(sub, float, redsc_limited_f32(p, x - w))
REDSC_BINARY_F32(mul, float, redsc_limited_f32(p, x * w))
REDSC_BINARY_F32(div, float, redsc_limited_f32(p, x / w))
REDSC_BINARY_F32(prelu, float, x >= 0.0f ? x : x * w)
REDSC_BINARY_F32(maximum, float, x > w ? x : w)
REDSC_BINARY_F32(minimum, float, x < w ? x : w)
REDSC_BINARY_F32(squared_difference, float, (x - w) * (x - w))
