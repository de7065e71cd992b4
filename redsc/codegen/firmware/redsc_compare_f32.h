/*
 * redsc: comparisons of two float32 operands, element by element. This file carries no licence obligation.
 *
 * Every kernel reads an element of both operands before it writes that of y, in the order of y: y may begin where an
 * operand does that has its shape. Elements of y are 1 where the claim is true, else 0.
 */
#ifndef REDSC_COMPARE_F32_H
#define REDSC_COMPARE_F32_H

#include "redsc_elementwise_f32.h"

#ifdef __cplusplus
extern "C" {
#endif

void redsc_greater_f32(const redsc_binary_params_f32 *params, const float *a, const float *b, uint8_t *y);
void redsc_greater_equal_f32(const redsc_binary_params_f32 *params, const float *a, const float *b, uint8_t *y);
void redsc_equal_f32(const redsc_binary_params_f32 *params, const float *a, const float *b, uint8_t *y);
void redsc_not_equal_f32(const redsc_binary_params_f32 *params, const float *a, const float *b, uint8_t *y);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_COMPARE_F32_H */
