/*
 * redsc: sums and maxima of int8 windows; not for other users. This file carries no licence obligation.
 *
 * Lanes are four neighbouring int8 channels: in a word as they lie in memory, or as four numbers.
 */
#ifndef REDSC_WINDOW_S8_H
#define REDSC_WINDOW_S8_H

#include "redsc_window.h"

/* Define REDSC_NO_DSP to get the portable code on cores that have the DSP instructions as well. */
#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__) && !defined(REDSC_NO_DSP)
#define REDSC_HAS_SEL 1
#else
#define REDSC_HAS_SEL 0
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Byte by byte: compilers make one load or store of four where words may lie at any address. */
static inline uint32_t redsc_load_lanes(const int8_t *x) {
  return (uint32_t)(uint8_t)x[0] | (uint32_t)(uint8_t)x[1] << 8 | (uint32_t)(uint8_t)x[2] << 16 |
         (uint32_t)(uint8_t)x[3] << 24;
}

static inline void redsc_store_lanes(int8_t *y, uint32_t lanes) {
  y[0] = (int8_t)lanes;
  y[1] = (int8_t)(lanes >> 8);
  y[2] = (int8_t)(lanes >> 16);
  y[3] = (int8_t)(lanes >> 24);
}

static inline uint32_t redsc_all_lanes(int32_t value) { return ((uint32_t)value & 0xFFu) * 0x01010101u; }

/* The larger one of each lane. */
static inline uint32_t redsc_larger_lanes(uint32_t a, uint32_t b) {
#if REDSC_HAS_SEL
  uint32_t larger;
  __asm__("ssub8 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(larger) : "r"(a), "r"(b) : "cc");
  return larger;
#else
  const uint32_t signs = 0x80808080u, rest = (a | signs) - (b & ~signs); /* whether the low 7 bits are as large */
  const uint32_t larger = ((b & ~a) | (~(a ^ b) & rest)) & signs, mask = (larger >> 7) * 0xFFu;
  return (a & mask) | (b & ~mask);
#endif
}

/* The maxima of four windows that begin at neighbours; of complements where flip is -1. */
static inline uint32_t redsc_window_max_lanes(const redsc_window *window, const int8_t *x, int32_t flip) {
  const uint32_t column_step = window->column_step, row_bytes = window->columns * column_step;
  uint32_t maxima = redsc_all_lanes(-128), row;
  for (row = 0; row < window->rows; ++row) {
    const int8_t *at = x, *end = x + row_bytes;
    for (; at != end; at += column_step) {
      maxima = redsc_larger_lanes(maxima, redsc_load_lanes(at) ^ (uint32_t)flip);
    }
    x += window->row_step;
  }
  return maxima;
}

/* The maximum of one window. */
static inline int32_t redsc_window_max_s8(const redsc_window *window, const int8_t *x, int32_t flip) {
  int32_t maximum = -128;
  uint32_t row, column;
  for (row = 0; row < window->rows; ++row) {
    const int8_t *at = x + row * window->row_step;
    for (column = 0; column < window->columns; ++column) {
      const int32_t value = *at ^ flip;
      maximum = value > maximum ? value : maximum;
      at += window->column_step;
    }
  }
  return maximum;
}

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

#if REDSC_HAS_SEL

/* Adds the even and the odd lanes to two int16 each. */
static inline void redsc_add_lanes(uint32_t lanes, uint32_t *even, uint32_t *odd) {
  __asm__("sxtab16 %0, %0, %1" : "+r"(*even) : "r"(lanes));
  __asm__("sxtab16 %0, %0, %1, ror #8" : "+r"(*odd) : "r"(lanes));
}

/* The sums of four windows of so few elements that they fit into int16. */
static inline void redsc_small_window_sums_s8(const redsc_window *window, const int8_t *x, int32_t *sums) {
  const uint32_t column_step = window->column_step, row_bytes = window->columns * column_step;
  uint32_t even = 0, odd = 0, row;
  for (row = 0; row < window->rows; ++row) {
    const int8_t *at = x, *end = x + row_bytes;
    if (window->columns % 2 != 0) {
      redsc_add_lanes(redsc_load_lanes(at), &even, &odd);
      at += column_step;
    }
    for (; at != end; at += 2 * column_step) {
      redsc_add_lanes(redsc_load_lanes(at), &even, &odd);
      redsc_add_lanes(redsc_load_lanes(at + column_step), &even, &odd);
    }
    x += window->row_step;
  }
  sums[0] = (int16_t)even;
  sums[1] = (int16_t)odd;
  sums[2] = (int16_t)(even >> 16);
  sums[3] = (int16_t)(odd >> 16);
}

#endif

/* The sums of four windows that begin at neighbours: one loop for four channels. */
static inline void redsc_window_sums_s8(const redsc_window *window, const int8_t *x, int32_t *sums) {
  const uint32_t column_step = window->column_step, row_bytes = window->columns * column_step;
  int32_t a = 0, b = 0, c = 0, d = 0;
  uint32_t row;
#if REDSC_HAS_SEL
  if (window->rows * window->columns <= 256) {
    redsc_small_window_sums_s8(window, x, sums);
    return;
  }
#endif
  for (row = 0; row < window->rows; ++row) {
    const int8_t *at = x, *end = x + row_bytes;
    for (; at != end; at += column_step) {
      a += at[0];
      b += at[1];
      c += at[2];
      d += at[3];
    }
    x += window->row_step;
  }
  sums[0] = a;
  sums[1] = b;
  sums[2] = c;
  sums[3] = d;
}

#ifdef __cplusplus
}
#endif

#endif /* REDSC_WINDOW_S8_H */
