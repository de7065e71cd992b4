/*
 * redsc: float32 arithmetic on two operands. This file carries no licence obligation.
 *
 * Follows tensorflow/lite/kernels/internal/reference/{add,sub,mul,div,maximum_minimum}.h and tensorflow/lite/micro/
 * kernels/prelu_common.cc.
 */
#include "redsc_elementwise_f32.h"

static inline float redsc_limited_f32(const redsc_binary_params_f32 *params, float value) {
  const float floored = value < params->minimum ? params->minimum : value;
  return floored > params->maximum ? params->maximum : floored;
}

/* Defines a kernel by what it makes of the elements x and w. */
#define REDSC_BINARY_F32(name, value)                                                                               \
  static void redsc_##name##_row_f32(const void *params, const void *a, const void *b, void *y) {                   \
    const redsc_binary_params_f32 *p = (const redsc_binary_params_f32 *)params;                                     \
    const float *left = (const float *)a, *right = (const float *)b;                                                \
    float *to = (float *)y;                                                                                         \
    uint32_t i;                                                                                                     \
    for (i = 0; i < p->rows.length; ++i) {                                                                          \
      const float x = *left, w = *right;                                                                            \
      to[i] = value;                                                                                                \
      left += p->rows.a_step;                                                                                       \
      right += p->rows.b_step;                                                                                      \
    }                                                                                                               \
  }                                                                                                                 \
  void redsc_##name##_f32(const redsc_binary_params_f32 *params, const float *a, const float *b, float *y) {        \
    redsc_each_row(&params->rows, params->rows.length * (uint32_t)sizeof(float), redsc_##name##_row_f32, params, a, \
                   b, y);                                                                                           \
  }

REDSC_BINARY_F32(add, redsc_limited_f32(p, x + w))
REDSC_BINARY_F32(sub, redsc_limited_f32(p, x - w))
REDSC_BINARY_F32(mul, redsc_limited_f32(p, x * w))
REDSC_BINARY_F32(div, redsc_limited_f32(p, x / w))
REDSC_BINARY_F32(prelu, x >= 0.0f ? x : x * w)
REDSC_BINARY_F32(maximum, x > w ? x : w)
REDSC_BINARY_F32(minimum, x < w ? x : w)
