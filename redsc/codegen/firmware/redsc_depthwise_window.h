/*
 * redsc: the inner loops of the direct depthwise convolution; not for other users.
 * This file carries no licence obligation.
 */
#ifndef REDSC_DEPTHWISE_WINDOW_H
#define REDSC_DEPTHWISE_WINDOW_H

#include "redsc_rescale.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The taps of a window that lie inside the image. Steps are in bytes. */
typedef struct {
  int32_t rows, columns;
  int32_t x_column, weight_column; /* from a tap to the next one of its row */
  int32_t x_row, weight_row;       /* from behind the last tap of a row to the first one of the next row */
  int32_t zero_point;
  int32_t step;                    /* redsc_rounding of a shift of 1 */
} redsc_depthwise_window;

#if REDSC_DSP

/* `fours` times four results, saturated, where all shifts go right. At least one tap lies inside the image. The first
   function takes one channel of x per result, the second one channel for all. */
typedef void redsc_fours(const int8_t *x, const int8_t *weight, const redsc_depthwise_window *window, int8_t *y,
                         const redsc_channel_pair *pairs, int32_t fours);
redsc_fours redsc_fours_of_fours_dsp, redsc_fours_of_one_dsp;

#endif

#ifdef __cplusplus
}
#endif

#endif /* REDSC_DEPTHWISE_WINDOW_H */
