/*
 * redsc: from float32 to int8 and back. This file carries no licence obligation.
 *
 * Follows tensorflow/lite/kernels/internal/reference/{quantize,dequantize}.h.
 */
#include "redsc_quantize.h"

/* Nearest whole number, halves away from zero, as roundf; steps that are not a number give 0. */
static inline int32_t redsc_rounded(float steps) {
  const float far = 65536.0f; /* saturates anyway; below it, a float has a fraction that can be taken exactly */
  const float near = steps > far ? far : steps > -far ? steps : steps == steps ? -far : 0.0f;
  const int32_t whole = (int32_t)near;
  const float rest = near - (float)whole;
  return whole + (rest >= 0.5f) - (rest <= -0.5f);
}

void redsc_quantize_f32(const redsc_quantize_params *params, const float *x, int8_t *y) {
  const int32_t zero_point = params->zero_point;
  const float scale = params->scale;
  const uint32_t count = params->count;
  uint32_t i;
  for (i = 0; i < count; ++i) {
    const int32_t value = redsc_rounded(x[i] / scale) + zero_point;
    const int32_t floored = value < -128 ? -128 : value;
    y[i] = (int8_t)(floored > 127 ? 127 : floored);
  }
}

void redsc_dequantize_s8(const redsc_quantize_params *params, const int8_t *x, float *y) {
  uint32_t i;
  for (i = 0; i < params->count; ++i) {
    y[i] = params->scale * (float)(x[i] - params->zero_point);
  }
}
