/*
 * redsc: sums and maxima of int8 windows; not for other users. This file carries no licence obligation.
 */
#ifndef REDSC_WINDOW_S8_H
#define REDSC_WINDOW_S8_H

#include "redsc_window.h"

#ifdef __cplusplus
extern "C" {
#endif

static inline int32_t redsc_window_sum_s8(const redsc_window *window, const int8_t *x) {
  int32_t sum = 0;
  uint32_t row, column;
  for (row = 0; row < window->rows; ++row) {
    const int8_t *at = x + row * window->row_step;
    for (column = 0; column < window->columns; ++column) {
      sum += *at;
      at += window->column_step;
    }
  }
  return sum;
}

/* The sums of four windows that begin at neighbours: one loop for four channels. */
static inline void redsc_window_sums_s8(const redsc_window *window, const int8_t *x, int32_t *sums) {
  const uint32_t columns = window->columns, column_step = window->column_step;
  int32_t a = 0, b = 0, c = 0, d = 0;
  uint32_t row, column;
  for (row = 0; row < window->rows; ++row) {
    const int8_t *at = x + row * window->row_step;
    for (column = 0; column < columns; ++column) {
      a += at[0];
      b += at[1];
      c += at[2];
      d += at[3];
      at += column_step;
    }
  }
  sums[0] = a;
  sums[1] = b;
  sums[2] = c;
  sums[3] = d;
}

static inline int32_t redsc_larger(int32_t a, int32_t b) { return a > b ? a : b; }

/* Of complements where flip is -1: the complement of the minimum. */
static inline int32_t redsc_window_max_s8(const redsc_window *window, const int8_t *x, int32_t flip) {
  int32_t maximum = -128;
  uint32_t row, column;
  for (row = 0; row < window->rows; ++row) {
    const int8_t *at = x + row * window->row_step;
    for (column = 0; column < window->columns; ++column) {
      maximum = redsc_larger(maximum, *at ^ flip);
      at += window->column_step;
    }
  }
  return maximum;
}

/* The same of four windows that begin at neighbours. */
static inline void redsc_window_maxima_s8(const redsc_window *window, const int8_t *x, int32_t flip,
                                          int32_t *maxima) {
  const uint32_t columns = window->columns, column_step = window->column_step;
  int32_t a = -128, b = -128, c = -128, d = -128;
  uint32_t row, column;
  for (row = 0; row < window->rows; ++row) {
    const int8_t *at = x + row * window->row_step;
    for (column = 0; column < columns; ++column) {
      a = redsc_larger(a, at[0] ^ flip);
      b = redsc_larger(b, at[1] ^ flip);
      c = redsc_larger(c, at[2] ^ flip);
      d = redsc_larger(d, at[3] ^ flip);
      at += column_step;
    }
  }
  maxima[0] = a;
  maxima[1] = b;
  maxima[2] = c;
  maxima[3] = d;
}

#ifdef __cplusplus
}
#endif

#endif /* REDSC_WINDOW_S8_H */
