/*
 * redsc: int8 arithmetic on two operands. This file carries no licence obligation.
 *
 * Follows tensorflow/lite/kernels/internal/reference/{add,sub,prelu,maximum_minimum}.h and integer_ops/{add,mul}.h.
 */
#include "redsc_elementwise.h"

#include "redsc_multiply.h"

/* Define REDSC_NO_DSP to get the portable code on cores that have the DSP instructions as well. */
#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__) && !defined(REDSC_NO_DSP)
#define REDSC_HAS_SMMLAR 1
#else
#define REDSC_HAS_SMMLAR 0
#endif

static inline int32_t redsc_limited(int32_t value, int32_t minimum, int32_t maximum) {
  const int32_t floored = value < minimum ? minimum : value;
  return floored > maximum ? maximum : floored;
}

static inline int32_t redsc_saturated(int32_t value) {
#if REDSC_HAS_SMMLAR
  int32_t saturated;
  __asm__("ssat %0, #8, %1" : "=r"(saturated) : "r"(value));
  return saturated;
#else
  return redsc_limited(value, -128, 127);
#endif
}

/* multiplier * 2^(-31 - shift), and what is added before the shift: half a step and the zero point. */
typedef struct {
  uint32_t multiplier;
  int32_t rounding, shift;
} redsc_scale;

static inline redsc_scale redsc_scale_of(uint32_t multiplier, int32_t shift, int32_t zero_point) {
  redsc_scale scale;
  scale.multiplier = REDSC_HAS_SMMLAR ? multiplier << 1 : multiplier;
  scale.rounding = redsc_signed((uint32_t)(2 * zero_point + 1) << (shift - 1));
  scale.shift = shift;
  return scale;
}

/*
 * As redsc_multiply, plus the zero point, for |x| up to 2^28, multipliers from 2^30 to 2^31 and shifts to the right.
 * With DSP instructions the rounded high half of the product takes one: x * 2^32 + x * (2 * multiplier - 2^32).
 */
static inline int32_t redsc_scaled(const redsc_scale *scale, int32_t x) {
  int32_t high;
#if REDSC_HAS_SMMLAR
  __asm__("smmlar %0, %1, %2, %1" : "=r"(high) : "r"(x), "r"(scale->multiplier));
#else
  high = (int32_t)(((int64_t)x * scale->multiplier + (1 << 30)) >> 31);
#endif
  return (high + (high >> 31) + scale->rounding) >> scale->shift;
}

/* The two factors of a sum as its rows need them: both operands come in as they are. */
typedef struct {
  redsc_scale b, y;
  int32_t a_factor, a_base, b_base, b_sign;
} redsc_sum;

static inline redsc_sum redsc_sum_of(const redsc_add_params_s8 *params) {
  redsc_sum sum;
  sum.b = redsc_scale_of(params->b_multiplier, params->b_shift, 0);
  sum.y = redsc_scale_of(params->multiplier, params->shift, params->y_zero_point);
  sum.a_factor = params->a_factor;
  sum.a_base = -params->a_zero_point * params->a_factor;
  sum.b_base = -params->b_zero_point * (1 << 20);
  sum.b_sign = params->b_sign;
  return sum;
}

static inline int32_t redsc_added(const redsc_sum *sum, int32_t a, int32_t b) {
  const int32_t narrow = redsc_scaled(&sum->b, b * (1 << 20) + sum->b_base);
  return redsc_scaled(&sum->y, a * sum->a_factor + sum->a_base + narrow * sum->b_sign);
}

static void redsc_add_row_s8(const void *params, const void *a, const void *b, void *y) {
  const redsc_add_params_s8 *p = (const redsc_add_params_s8 *)params;
  const redsc_sum sum = redsc_sum_of(p);
  const int32_t minimum = p->minimum, maximum = p->maximum;
  const uint32_t a_step = p->rows.a_step, b_step = p->rows.b_step;
  const int8_t *x = (const int8_t *)a, *w = (const int8_t *)b;
  int8_t *to = (int8_t *)y, *end = to + p->rows.length;
  while (to != end) {
    *to++ = (int8_t)redsc_limited(redsc_added(&sum, *x, *w), minimum, maximum);
    x += a_step;
    w += b_step;
  }
}

static void redsc_add_plain_row_s8(const void *params, const void *a, const void *b, void *y) {
  const redsc_add_params_s8 *p = (const redsc_add_params_s8 *)params;
  const redsc_sum sum = redsc_sum_of(p);
  const int8_t *x = (const int8_t *)a, *w = (const int8_t *)b;
  int8_t *to = (int8_t *)y, *end = to + p->rows.length;
  while (to != end) {
    *to++ = (int8_t)redsc_saturated(redsc_added(&sum, *x++, *w++));
  }
}

void redsc_add_s8(const redsc_add_params_s8 *params, const int8_t *a, const int8_t *b, int8_t *y) {
  redsc_row *row = params->is_plain ? redsc_add_plain_row_s8 : redsc_add_row_s8;
  redsc_each_row(&params->rows, params->rows.length, row, params, a, b, y);
}

static void redsc_mul_row_s8(const void *params, const void *a, const void *b, void *y) {
  const redsc_mul_params_s8 *p = (const redsc_mul_params_s8 *)params;
  const int32_t a_zero_point = p->a_zero_point, b_zero_point = p->b_zero_point;
  const uint32_t a_step = p->rows.a_step, b_step = p->rows.b_step, y_zero_point = (uint32_t)p->y_zero_point;
  const int32_t multiplier = (int32_t)p->multiplier, shift = p->shift, minimum = p->minimum, maximum = p->maximum;
  const int8_t *x = (const int8_t *)a, *w = (const int8_t *)b;
  int8_t *to = (int8_t *)y, *end = to + p->rows.length;
  while (to != end) {
    const uint32_t product = (uint32_t)((*x - a_zero_point) * (*w - b_zero_point));
    const uint32_t steps = (uint32_t)redsc_multiply(product, multiplier, shift);
    *to++ = (int8_t)redsc_limited(redsc_signed(steps + y_zero_point), minimum, maximum);
    x += a_step;
    w += b_step;
  }
}

static void redsc_mul_plain_row_s8(const void *params, const void *a, const void *b, void *y) {
  const redsc_mul_params_s8 *p = (const redsc_mul_params_s8 *)params;
  const redsc_scale scale = redsc_scale_of(p->multiplier, -p->shift, p->y_zero_point);
  const int32_t a_zero_point = p->a_zero_point, b_zero_point = p->b_zero_point;
  const int8_t *x = (const int8_t *)a, *w = (const int8_t *)b;
  int8_t *to = (int8_t *)y, *end = to + p->rows.length;
  while (to != end) {
    const int32_t product = (*x++ - a_zero_point) * (*w++ - b_zero_point);
    *to++ = (int8_t)redsc_saturated(redsc_scaled(&scale, product));
  }
}

void redsc_mul_s8(const redsc_mul_params_s8 *params, const int8_t *a, const int8_t *b, int8_t *y) {
  redsc_row *row = params->is_plain ? redsc_mul_plain_row_s8 : redsc_mul_row_s8;
  redsc_each_row(&params->rows, params->rows.length, row, params, a, b, y);
}

static void redsc_prelu_row_s8(const void *params, const void *a, const void *b, void *y) {
  const redsc_prelu_params_s8 *p = (const redsc_prelu_params_s8 *)params;
  const uint32_t y_zero_point = (uint32_t)p->y_zero_point;
  const uint32_t a_step = p->rows.a_step, b_step = p->rows.b_step;
  const int8_t *x = (const int8_t *)a, *w = (const int8_t *)b;
  int8_t *to = (int8_t *)y, *end = to + p->rows.length;
  while (to != end) {
    const int32_t input = *x - p->a_zero_point;
    const int is_negative = input < 0;
    const int32_t sum = is_negative ? input * (*w - p->b_zero_point) : input;
    const int32_t steps = redsc_multiply((uint32_t)sum, p->multiplier[is_negative], p->shift[is_negative]);
    *to++ = (int8_t)redsc_limited(redsc_signed((uint32_t)steps + y_zero_point), -128, 127);
    x += a_step;
    w += b_step;
  }
}

void redsc_prelu_s8(const redsc_prelu_params_s8 *params, const int8_t *a, const int8_t *b, int8_t *y) {
  redsc_each_row(&params->rows, params->rows.length, redsc_prelu_row_s8, params, a, b, y);
}

static void redsc_maximum_row_s8(const void *params, const void *a, const void *b, void *y) {
  const redsc_maximum_params_s8 *p = (const redsc_maximum_params_s8 *)params;
  const int32_t flip = p->flip;
  const uint32_t a_step = p->rows.a_step, b_step = p->rows.b_step;
  const int8_t *x = (const int8_t *)a, *w = (const int8_t *)b;
  int8_t *to = (int8_t *)y, *end = to + p->rows.length;
  while (to != end) {
    const int32_t left = *x ^ flip, right = *w ^ flip;
    *to++ = (int8_t)((left > right ? left : right) ^ flip);
    x += a_step;
    w += b_step;
  }
}

void redsc_maximum_s8(const redsc_maximum_params_s8 *params, const int8_t *a, const int8_t *b, int8_t *y) {
  redsc_each_row(&params->rows, params->rows.length, redsc_maximum_row_s8, params, a, b, y);
}
