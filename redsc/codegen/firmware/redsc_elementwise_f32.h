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

/* The limits are those of a fused activation; PRELU, MAXIMUM and MINIMUM have none. */
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

#ifdef __cplusplus
}
#endif

#endif /* REDSC_ELEMENTWISE_F32_H */
