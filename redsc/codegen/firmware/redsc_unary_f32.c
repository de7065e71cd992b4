/*
 * redsc: float32 functions of one operand that need no libm. This file carries no licence obligation.
 *
 * Follows tensorflow/lite/kernels/internal/reference/{hard_swish,leaky_relu,neg}.h and tensorflow/lite/micro/kernels/
 * {activations_common,elementwise}.cc.
 */
#include "redsc_unary_f32.h"

static inline float redsc_limited_f32(float x, float minimum, float maximum) {
  return x > maximum ? maximum : x < minimum ? minimum : x;
}

REDSC_UNARY_F32(clamp, redsc_limited_f32(x, params->minimum, params->maximum))
REDSC_UNARY_F32(leaky_relu, x > 0.0f ? x : x * params->slope)
REDSC_UNARY_F32(hard_swish, x * redsc_limited_f32(x + 3.0f, 0.0f, 6.0f) / 6.0f)
REDSC_UNARY_F32(abs, x < 0.0f ? -x : x + 0.0f) /* + 0 makes a zero of a negative zero */
REDSC_UNARY_F32(neg, -x)
REDSC_UNARY_F32(square, x * x)
