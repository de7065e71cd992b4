/*
 * redsc: float32 reductions along any axes. This file carries no licence obligation.
 *
 * In the order of y: reads the window of an element, then writes it.
 */
#ifndef REDSC_REDUCE_F32_H
#define REDSC_REDUCE_F32_H

#include "redsc_reduce.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The sum over a divisor: 1, or how many elements there are. */
typedef struct {
  redsc_reduction reduction;
  float divisor;
} redsc_mean_params_f32;

void redsc_mean_f32(const redsc_mean_params_f32 *params, const float *x, float *y);

/* The maximum; of negated elements (sign = -1) and negated again: the minimum. */
typedef struct {
  redsc_reduction reduction;
  float sign;
} redsc_reduce_max_params_f32;

void redsc_reduce_max_f32(const redsc_reduce_max_params_f32 *params, const float *x, float *y);

/* Where the first maximum, or minimum, lies among `size` elements that are `inner` elements apart. */
typedef struct {
  uint32_t outer, size, inner;
  float sign;
} redsc_arg_max_params_f32;

void redsc_arg_max_f32(const redsc_arg_max_params_f32 *params, const float *x, int32_t *y);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_REDUCE_F32_H */
