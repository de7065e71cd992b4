/*
 * redsc: int8 quotients. This file carries no licence obligation.
 *
 * Follows tensorflow/lite/kernels/internal/reference/div.h.
 */
#include "redsc_divide.h"

#include "redsc_fixed_point.h"
#include "redsc_multiply.h"

enum { REDSC_BEYOND = 256 }; /* steps that no result is away from its zero point */

/* x / w in steps of y. Both are moved up to the sign bit, and the result down by as many bits. */
static int32_t redsc_quotient(const redsc_div_params_s8 *params, int32_t x, int32_t w) {
  const int32_t dividend = w < 0 ? -x : x, divisor = w < 0 ? -w : w;
  int32_t zeros, headroom, quotient, exponent;
  if (divisor == 0) {
    return x == 0 ? 0 : x < 0 ? -REDSC_BEYOND : REDSC_BEYOND;
  }
  zeros = redsc_leading_zeros((uint32_t)divisor);
  headroom = redsc_leading_zeros((uint32_t)(dividend < 0 ? ~dividend : dividend) << 1 | 1u);
  exponent = headroom + 31 - zeros - params->shift;
  if (exponent > 31) {
    return 1; /* of 0, as RoundingDivideByPOT has it there */
  }
  quotient = redsc_product(redsc_signed((uint32_t)dividend << headroom),
                           redsc_reciprocal((int32_t)((uint32_t)divisor << zeros & 0x7FFFFFFFu)));
  return redsc_divided(redsc_product(quotient, params->multiplier), exponent);
}

static void redsc_div_row_s8(const void *params, const void *a, const void *b, void *y) {
  const redsc_div_params_s8 *p = (const redsc_div_params_s8 *)params;
  const int8_t *x = (const int8_t *)a, *w = (const int8_t *)b;
  int8_t *to = (int8_t *)y, *end = to + p->rows.length;
  while (to != end) {
    const int32_t steps = redsc_quotient(p, *x - p->a_zero_point, *w - p->b_zero_point);
    *to++ = (int8_t)redsc_clamp(steps + p->y_zero_point, p->minimum, p->maximum);
    x += p->rows.a_step;
    w += p->rows.b_step;
  }
}

void redsc_div_s8(const redsc_div_params_s8 *params, const int8_t *a, const int8_t *b, int8_t *y) {
  redsc_each_row(params->rows.loops, params->rows.length, redsc_div_row_s8, params, a, b, y);
}
