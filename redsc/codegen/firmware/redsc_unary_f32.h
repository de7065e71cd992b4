/*
 * redsc: float32 functions of one operand that need no libm. This file carries no licence obligation.
 *
 * Every element of x is read before that of y is written, in order: y may be x.
 */
#ifndef REDSC_UNARY_F32_H
#define REDSC_UNARY_F32_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The limits are those of redsc_clamp_f32, the slope that of redsc_leaky_relu_f32. */
typedef struct {
  uint32_t count;
  float minimum, maximum, slope;
} redsc_unary_params_f32;

void redsc_clamp_f32(const redsc_unary_params_f32 *params, const float *x, float *y);
void redsc_leaky_relu_f32(const redsc_unary_params_f32 *params, const float *x, float *y);
void redsc_hard_swish_f32(const redsc_unary_params_f32 *params, const float *x, float *y);
void redsc_abs_f32(const redsc_unary_params_f32 *params, const float *x, float *y);
void redsc_neg_f32(const redsc_unary_params_f32 *params, const float *x, float *y);
void redsc_square_f32(const redsc_unary_params_f32 *params, const float *x, float *y);

/* Defines a kernel by what it makes of the element x. */
#define REDSC_UNARY_F32(name, value)                                                            \
  void redsc_##name##_f32(const redsc_unary_params_f32 *params, const float *from, float *y) {  \
    uint32_t i;                                                                                 \
    for (i = 0; i < params->count; ++i) {                                                       \
      const float x = from[i];                                                                  \
      y[i] = value;                                                                             \
    }                                                                                           \
  }

#ifdef __cplusplus
}
#endif

#endif /* REDSC_UNARY_F32_H */
