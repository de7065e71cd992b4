/*
 * redsc: comparisons of two int8 operands. This file carries no licence obligation.
 *
 * Follows tensorflow/lite/kernels/internal/reference/comparisons.h.
 */
#include "redsc_compare.h"

#include "redsc_multiply.h"

static int32_t redsc_compared(const redsc_compare_params_s8 *params, int operand, int32_t steps) {
  return redsc_multiply((uint32_t)steps << 8, params->multiplier[operand], params->shift[operand]);
}

/* Defines a kernel by its claim of the numbers x and w. */
#define REDSC_COMPARE(name, claim)                                                                                  \
  static void name##_row(const void *params, const void *a, const void *b, void *y) {                               \
    const redsc_compare_params_s8 *p = (const redsc_compare_params_s8 *)params;                                     \
    const int8_t *left = (const int8_t *)a, *right = (const int8_t *)b;                                             \
    uint8_t *to = (uint8_t *)y;                                                                                     \
    uint32_t i;                                                                                                     \
    for (i = 0; i < p->rows.length; ++i) {                                                                          \
      const int32_t x = redsc_compared(p, 0, *left - p->a_zero_point);                                              \
      const int32_t w = redsc_compared(p, 1, *right - p->b_zero_point);                                             \
      to[i] = claim;                                                                                                \
      left += p->rows.a_step;                                                                                       \
      right += p->rows.b_step;                                                                                      \
    }                                                                                                               \
  }                                                                                                                 \
  void name(const redsc_compare_params_s8 *params, const int8_t *a, const int8_t *b, uint8_t *y) {                  \
    redsc_each_row(params->rows.loops, params->rows.length, name##_row, params, a, b, y);                           \
  }

REDSC_COMPARE(redsc_greater_s8, x > w)
REDSC_COMPARE(redsc_greater_equal_s8, x >= w)
REDSC_COMPARE(redsc_equal_s8, x == w)
REDSC_COMPARE(redsc_not_equal_s8, x != w)
