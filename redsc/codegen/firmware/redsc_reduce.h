/*
 * redsc: int8 reductions along any axes. This file carries no licence obligation.
 *
 * In the order of y; up to four neighbours are read together before the first of them is written.
 */
#ifndef REDSC_REDUCE_H
#define REDSC_REDUCE_H

#include "redsc_window.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * y has `pixels` times `channels` elements; the windows from which they are made begin pixel_step and channel_step
 * elements apart.
 */
typedef struct {
  uint32_t pixels, channels, pixel_step, channel_step;
  redsc_window window;
} redsc_reduction;

/* (sum - zero_sum) * multiplier * 2^(shift - 31) + zero_point */
typedef struct {
  redsc_reduction reduction;
  int32_t zero_sum, multiplier;
  int8_t shift, zero_point;
} redsc_mean_params_s8;

void redsc_mean_s8(const redsc_mean_params_s8 *params, const int8_t *x, int8_t *y);

/* The maximum; of complements (flip = -1) and complemented again: the minimum. */
typedef struct {
  redsc_reduction reduction;
  int8_t flip;
} redsc_reduce_max_params_s8;

void redsc_reduce_max_s8(const redsc_reduce_max_params_s8 *params, const int8_t *x, int8_t *y);

/* Where the first maximum, or minimum, lies among `size` elements that are `inner` elements apart. */
typedef struct {
  uint32_t outer, size, inner;
  int8_t flip;
} redsc_arg_max_params_s8;

void redsc_arg_max_s8(const redsc_arg_max_params_s8 *params, const int8_t *x, int32_t *y);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_REDUCE_H */
