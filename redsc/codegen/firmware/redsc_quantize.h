/*
 * redsc: from float32 to int8 and back. This file carries no licence obligation.
 *
 * Every element of x is read before that of y is written, in order: integers may begin where their operand does.
 */
#ifndef REDSC_QUANTIZE_H
#define REDSC_QUANTIZE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  uint32_t count;
  float scale;
  int32_t zero_point;
} redsc_quantize_params;

void redsc_quantize_f32_s8(const redsc_quantize_params *params, const float *x, int8_t *y);
void redsc_dequantize_s8(const redsc_quantize_params *params, const int8_t *x, float *y);

/* Nearest whole number, halves away from zero, as roundf; steps that are not a number give 0. */
static inline int32_t redsc_rounded(float steps) {
  const float far = 65536.0f; /* saturates anyway; below it, a float has a fraction that can be taken exactly */
  const float near = steps > far ? far : steps > -far ? steps : steps == steps ? -far : 0.0f;
  const int32_t whole = (int32_t)near;
  const float rest = near - (float)whole;
  return whole + (rest >= 0.5f) - (rest <= -0.5f);
}

/* Define a kernel by the type of the integers and their limits. */
#define REDSC_QUANTIZE(name, type, minimum, maximum)                               \
  void name(const redsc_quantize_params *params, const float *x, type *y) {        \
    const int32_t zero_point = params->zero_point;                                 \
    const float scale = params->scale;                                             \
    const uint32_t count = params->count;                                          \
    uint32_t i;                                                                    \
    for (i = 0; i < count; ++i) {                                                  \
      const int32_t value = redsc_rounded(x[i] / scale) + zero_point;              \
      const int32_t floored = value < (minimum) ? (minimum) : value;               \
      y[i] = (type)(floored > (maximum) ? (maximum) : floored);                    \
    }                                                                              \
  }

#define REDSC_DEQUANTIZE(name, type)                                               \
  void name(const redsc_quantize_params *params, const type *x, float *y) {        \
    uint32_t i;                                                                    \
    for (i = 0; i < params->count; ++i) {                                          \
      y[i] = params->scale * (float)(x[i] - params->zero_point);                   \
    }                                                                              \
  }

#ifdef __cplusplus
}
#endif

#endif /* REDSC_QUANTIZE_H */
