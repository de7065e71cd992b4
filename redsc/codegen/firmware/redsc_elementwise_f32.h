/*
 * redsc: float32 arithmetic on two operands, element by element. This file carries no licence obligation.
 *
 * Every kernel reads an element of both operands before it writes that of y, in the order of y: y may be an operand
 * that has its shape.
 */
#ifndef REDSC_ELEMENTWISE_F32_H
#define REDSC_ELEMENTWISE_F32_H

#include "redsc_rows.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The limits are those of a fused activation; other ops have none. */
typedef struct {
  redsc_rows rows;
  float minimum, maximum;
} redsc_binary_params_f32;

void redsc_add_f32(const redsc_binary_params_f32 *params, const float *a, const float *b, float *y);
void redsc_sub_f32(const redsc_binary_params_f32 *params, const float *a, const float *b, float *y);
void redsc_mul_f32(const redsc_binary_params_f32 *params, const float *a, const float *b, float *y);
void redsc_div_f32(const redsc_binary_params_f32 *params, const float *a, const float *b, float *y);
void redsc_prelu_f32(const redsc_binary_params_f32 *params, const float *a, const float *b, float *y);
void redsc_maximum_f32(const redsc_binary_params_f32 *params, const float *a, const float *b, float *y);
void redsc_minimum_f32(const redsc_binary_params_f32 *params, const float *a, const float *b, float *y);
void redsc_squared_difference_f32(const redsc_binary_params_f32 *params, const float *a, const float *b, float *y);

/* Defines a kernel by the type of its result and what it makes of the elements x and w. */
#define REDSC_BINARY_F32(name, type, value)                                                                         \
  static void redsc_##name##_row_f32(const void *params, const void *a, const void *b, void *y) {                   \
    const redsc_binary_params_f32 *p = (const redsc_binary_params_f32 *)params;                                     \
    const float *left = (const float *)a, *right = (const float *)b;                                                \
    type *to = (type *)y;                                                                                           \
    uint32_t i;                                                                                                     \
    for (i = 0; i < p->rows.length; ++i) {                                                                          \
      const float x = *left, w = *right;                                                                            \
      to[i] = value;                                                                                                \
      left += p->rows.a_step;                                                                                       \
      right += p->rows.b_step;                                                                                      \
    }                                                                                                               \
  }                                                                                                                 \
  void redsc_##name##_f32(const redsc_binary_params_f32 *params, const float *a, const float *b, type *y) {         \
    const uint32_t row_bytes = params->rows.length * (uint32_t)sizeof(type);                                        \
    redsc_each_row(params->rows.loops, row_bytes, redsc_##name##_row_f32, params, a, b, y);                         \
  }

#ifdef __cplusplus
}
#endif

#endif /* REDSC_ELEMENTWISE_F32_H */
