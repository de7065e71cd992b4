/*
 * redsc: int8 arithmetic on two operands. This file carries no licence obligation.
 *
 * Follows tensorflow/lite/kernels/internal/reference/{add,sub,prelu,maximum_minimum}.h, integer_ops/{add,mul}.h
 * and tensorflow/lite/micro/kernels/squared_difference.cc.
 */
#include "redsc_elementwise.h"

#include "redsc_rescale.h"

/*
 * SaturatingRoundingDoublingHighMul of gemmlowp's fixedpoint/fixedpoint.h, for multipliers from 2^30 to 2^31. With
 * DSP instructions it takes one, given the doubled multiplier: (x * 2^32 + x * (2 * multiplier - 2^32) + 2^31) >> 32.
 */
static inline uint32_t redsc_prepared(uint32_t multiplier) {
  return REDSC_DSP ? multiplier << 1 : multiplier;
}

static inline int32_t redsc_high_half(int32_t x, uint32_t prepared) {
  int32_t high;
#if REDSC_DSP
  __asm__("smmlar %0, %1, %2, %1" : "=r"(high) : "r"(x), "r"(prepared));
#else
  high = (int32_t)(((int64_t)x * prepared + (1 << 30)) >> 31);
#endif
  return high;
}

/* multiplier * 2^(-31 - shift), and what is added before the shift: half a step and the zero point. */
typedef struct {
  uint32_t prepared;
  int32_t rounding, shift;
} redsc_scale;

static inline redsc_scale redsc_scale_of(uint32_t multiplier, int32_t shift, int32_t zero_point) {
  redsc_scale scale;
  scale.prepared = redsc_prepared(multiplier);
  scale.rounding = redsc_signed((uint32_t)(2 * zero_point + 1) << (shift - 1));
  scale.shift = shift;
  return scale;
}

/* As redsc_multiply, plus the zero point, for |x| up to 2^28 and shifts of 1 and more to the right. */
static inline int32_t redsc_scaled(const redsc_scale *scale, int32_t x) {
  const int32_t high = redsc_high_half(x, scale->prepared);
  return (high + (high >> 31) + scale->rounding) >> scale->shift;
}

/* As redsc_multiply, for shifts of 0 to 31 to the right, before which |x| is up to 2^28. */
static inline int32_t redsc_scaled_any(uint32_t prepared, int32_t shift, int32_t x) {
  const int32_t half = (int32_t)((1u << shift) >> 1), tie = shift > 0 ? -1 : 0;
  const int32_t high = redsc_high_half(x, prepared);
  return (high + ((high >> 31) & tie) + half) >> shift;
}

static void redsc_add_row_s8(const void *params, const void *a, const void *b, void *y) {
  const redsc_add_params_s8 *p = (const redsc_add_params_s8 *)params;
  const uint32_t b_prepared = redsc_prepared(p->b_multiplier), prepared = redsc_prepared(p->multiplier);
  const int32_t b_shift = p->b_shift, shift = p->shift, minimum = p->minimum, maximum = p->maximum;
  const uint32_t a_step = p->rows.a_step, b_step = p->rows.b_step;
  const int8_t *x = (const int8_t *)a, *w = (const int8_t *)b;
  int8_t *to = (int8_t *)y, *end = to + p->rows.length;
  while (to != end) {
    const int32_t narrow = redsc_scaled_any(b_prepared, b_shift, (*w - p->b_zero_point) * (1 << 20));
    const int32_t sum = (*x - p->a_zero_point) * p->a_factor + narrow * p->b_sign;
    *to++ = (int8_t)redsc_clamp(redsc_scaled_any(prepared, shift, sum) + p->y_zero_point, minimum, maximum);
    x += a_step;
    w += b_step;
  }
}

/* The factors of a sum as a plain row needs them: both operands come in as they are. */
typedef struct {
  redsc_scale b, y;
  int32_t a_factor, a_base, b_base, b_sign;
} redsc_sum;

/* A multiplier of 1/2 without a shift is one of 1 with a shift: the same, as what it multiplies is even. */
static inline redsc_sum redsc_sum_of(const redsc_add_params_s8 *params) {
  const int is_half = params->b_shift == 0;
  redsc_sum sum;
  sum.b = redsc_scale_of(is_half ? 1u << 31 : params->b_multiplier, is_half ? 1 : params->b_shift, 0);
  sum.y = redsc_scale_of(params->multiplier, params->shift, params->y_zero_point);
  sum.a_factor = params->a_factor;
  sum.a_base = -params->a_zero_point * params->a_factor;
  sum.b_base = -params->b_zero_point * (1 << 20);
  sum.b_sign = params->b_sign;
  return sum;
}

static void redsc_add_plain_row_s8(const void *params, const void *a, const void *b, void *y) {
  const redsc_add_params_s8 *p = (const redsc_add_params_s8 *)params;
  const redsc_sum sum = redsc_sum_of(p);
  const int8_t *x = (const int8_t *)a, *w = (const int8_t *)b;
  int8_t *to = (int8_t *)y, *end = to + p->rows.length;
  while (to != end) {
    const int32_t narrow = redsc_scaled(&sum.b, *w++ * (1 << 20) + sum.b_base);
    const int32_t total = *x++ * sum.a_factor + sum.a_base + narrow * sum.b_sign;
    *to++ = (int8_t)redsc_saturate_s8(redsc_scaled(&sum.y, total));
  }
}

void redsc_add_s8(const redsc_add_params_s8 *params, const int8_t *a, const int8_t *b, int8_t *y) {
  redsc_row *row = params->is_plain ? redsc_add_plain_row_s8 : redsc_add_row_s8;
  redsc_each_row(params->rows.loops, params->rows.length, row, params, a, b, y);
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
    *to++ = (int8_t)redsc_clamp(redsc_signed(steps + y_zero_point), minimum, maximum);
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
    *to++ = (int8_t)redsc_saturate_s8(redsc_scaled(&scale, product));
  }
}

void redsc_mul_s8(const redsc_mul_params_s8 *params, const int8_t *a, const int8_t *b, int8_t *y) {
  redsc_row *row = params->is_plain ? redsc_mul_plain_row_s8 : redsc_mul_row_s8;
  redsc_each_row(params->rows.loops, params->rows.length, row, params, a, b, y);
}

static void redsc_squared_difference_row_s8(const void *params, const void *a, const void *b, void *y) {
  const redsc_squared_difference_params_s8 *p = (const redsc_squared_difference_params_s8 *)params;
  const uint32_t b_prepared = redsc_prepared(p->b_multiplier), y_zero_point = (uint32_t)p->y_zero_point;
  const int32_t a_zero_point = p->a_zero_point, b_zero_point = p->b_zero_point, b_shift = p->b_shift;
  const uint32_t a_step = p->rows.a_step, b_step = p->rows.b_step;
  const int8_t *x = (const int8_t *)a, *w = (const int8_t *)b;
  int8_t *to = (int8_t *)y, *end = to + p->rows.length;
  while (to != end) {
    const int32_t narrow = redsc_scaled_any(b_prepared, b_shift, (*w - b_zero_point) * (1 << 7));
    const int32_t difference = (*x - a_zero_point) * (1 << 6) - narrow;
    const uint32_t steps = (uint32_t)redsc_multiply((uint32_t)(difference * difference), p->multiplier, p->shift);
    *to++ = (int8_t)redsc_saturate_s8(redsc_signed(steps + y_zero_point));
    x += a_step;
    w += b_step;
  }
}

void redsc_squared_difference_s8(const redsc_squared_difference_params_s8 *params, const int8_t *a, const int8_t *b,
                                 int8_t *y) {
  redsc_row *row = redsc_squared_difference_row_s8;
  redsc_each_row(params->rows.loops, params->rows.length, row, params, a, b, y);
}

static void redsc_prelu_row_s8(const void *params, const void *a, const void *b, void *y) {
  const redsc_prelu_params_s8 *p = (const redsc_prelu_params_s8 *)params;
  const uint32_t prepared[2] = {redsc_prepared(p->multiplier[0]), redsc_prepared(p->multiplier[1])};
  const int32_t left[2] = {p->shift[0] > 0 ? p->shift[0] : 0, p->shift[1] > 0 ? p->shift[1] : 0};
  const int32_t right[2] = {left[0] - p->shift[0], left[1] - p->shift[1]};
  const int32_t a_zero_point = p->a_zero_point, b_zero_point = p->b_zero_point, y_zero_point = p->y_zero_point;
  const uint32_t a_step = p->rows.a_step, b_step = p->rows.b_step;
  const int8_t *x = (const int8_t *)a, *w = (const int8_t *)b;
  int8_t *to = (int8_t *)y, *end = to + p->rows.length;
  while (to != end) {
    const int32_t input = *x - a_zero_point, is_negative = input < 0;
    const uint32_t product = (uint32_t)(is_negative ? input * (*w - b_zero_point) : input) << left[is_negative];
    const int32_t steps = redsc_scaled_any(prepared[is_negative], right[is_negative], redsc_signed(product));
    *to++ = (int8_t)redsc_saturate_s8(redsc_signed((uint32_t)steps + (uint32_t)y_zero_point));
    x += a_step;
    w += b_step;
  }
}

void redsc_prelu_s8(const redsc_prelu_params_s8 *params, const int8_t *a, const int8_t *b, int8_t *y) {
  redsc_each_row(params->rows.loops, params->rows.length, redsc_prelu_row_s8, params, a, b, y);
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
  redsc_each_row(params->rows.loops, params->rows.length, redsc_maximum_row_s8, params, a, b, y);
}
