/*
 * redsc: sums and maxima of float32 windows; not for other users. This file carries no licence obligation.
 */
#ifndef REDSC_WINDOW_F32_H
#define REDSC_WINDOW_F32_H

#include <float.h>

#include "redsc_window.h"

#ifdef __cplusplus
extern "C" {
#endif

static inline float redsc_window_sum_f32(const redsc_window *window, const float *x) {
  float sum = 0.0f;
  uint32_t row, column;
  for (row = 0; row < window->rows; ++row) {
    const float *at = x + row * window->row_step;
    for (column = 0; column < window->columns; ++column) {
      sum += *at;
      at += window->column_step;
    }
  }
  return sum;
}

/* Of negated elements where sign is -1: the negated minimum. */
static inline float redsc_window_max_f32(const redsc_window *window, const float *x, float sign) {
  float maximum = -FLT_MAX;
  uint32_t row, column;
  for (row = 0; row < window->rows; ++row) {
    const float *at = x + row * window->row_step;
    for (column = 0; column < window->columns; ++column) {
      const float value = *at * sign;
      maximum = value > maximum ? value : maximum;
      at += window->column_step;
    }
  }
  return maximum;
}

#ifdef __cplusplus
}
#endif

#endif /* REDSC_WINDOW_F32_H */
