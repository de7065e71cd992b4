/*
 * redsc: int8 softmax and its logarithm, over the last axis. This file carries no licence obligation.
 *
 * Follows tensorflow/lite/kernels/internal/reference/{softmax,log_softmax}.h and internal/common.h, in Qn numbers.
 */
#include "redsc_softmax.h"

#include "redsc_fixed_point.h"

/* exp of a Q5 number below 0 as Q0: exp_on_negative_values. */
static int32_t redsc_exp(int32_t x) {
  static const int32_t powers[7] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
  const int32_t quarter = 1 << 24, part = (x & (quarter - 1)) - quarter, rest = part - x;
  const int32_t a = part * 32 + (1 << 28), a2 = redsc_product(a, a); /* from -1/8 on, as Q0 */
  const int32_t a3 = redsc_product(a2, a), a4 = redsc_product(a2, a2);
  const int32_t thirds = redsc_product(redsc_divided(a4, 2) + a3, 715827883) + a2;
  const int32_t root = 1895147668; /* exp(-1/8) */
  int32_t result = root + redsc_product(root, a + redsc_divided(thirds, 1));
  int bit;
  for (bit = 0; bit < 7; ++bit) { /* times exp(-2^(bit - 2)) */
    if ((rest >> (24 + bit)) & 1) {
      result = redsc_product(result, powers[bit]);
    }
  }
  return x == 0 ? INT32_MAX : result;
}

static inline int32_t redsc_power(const redsc_softmax_params_s8 *params, int32_t difference) {
  return redsc_exp(redsc_product(difference * (int32_t)(1u << params->shift), params->multiplier));
}

static int32_t redsc_maximum(const int8_t *x, uint32_t depth) {
  int32_t maximum = -128;
  uint32_t i;
  for (i = 0; i < depth; ++i) {
    maximum = x[i] > maximum ? x[i] : maximum;
  }
  return maximum;
}

/* The sum of the powers of a row as Q12. */
static uint32_t redsc_sum_powers(const redsc_softmax_params_s8 *params, const int8_t *x, int32_t maximum) {
  uint32_t sum = 0, i;
  for (i = 0; i < params->depth; ++i) {
    if (x[i] - maximum >= params->least_difference) {
      sum += (uint32_t)redsc_divided(redsc_power(params, x[i] - maximum), 12);
    }
  }
  return sum;
}

/* A share is a power times scale * 2^-exponent, in steps of 2^-bits. */
typedef struct {
  int32_t scale, exponent;
} redsc_shares;

/* The sum is at least 2^19: the power of the maximum itself. */
static redsc_shares redsc_shares_of(uint32_t sum, int32_t bits) {
  const int32_t zeros = redsc_leading_zeros(sum), exponent = 43 - bits - zeros;
  redsc_shares shares;
  shares.scale = redsc_reciprocal((int32_t)(sum << zeros & 0x7FFFFFFFu));
  shares.exponent = exponent < 31 ? exponent : 31; /* less from 512 equals on in int8, where TFLite gives up */
  return shares;
}

static int32_t redsc_share(const redsc_softmax_params_s8 *params, redsc_shares shares, int32_t difference) {
  return difference < params->least_difference
             ? 0
             : redsc_divided(redsc_product(shares.scale, redsc_power(params, difference)), shares.exponent);
}

/* Defines a kernel by the type of its results and their bits, the least of which stands for 0. */
#define REDSC_SOFTMAX(name, type, bits)                                                                       \
  void name(const redsc_softmax_params_s8 *params, const int8_t *x, type *y) {                                \
    const int8_t *end = x + params->rows * params->depth;                                                     \
    for (; x != end; x += params->depth, y += params->depth) {                                                \
      const int32_t maximum = redsc_maximum(x, params->depth);                                                \
      const redsc_shares shares = redsc_shares_of(redsc_sum_powers(params, x, maximum), bits);                \
      uint32_t i;                                                                                             \
      for (i = 0; i < params->depth; ++i) {                                                                   \
        const int32_t value = redsc_share(params, shares, x[i] - maximum) - (1 << (bits - 1));                \
        y[i] = (type)(value < 1 << (bits - 1) ? value : (1 << (bits - 1)) - 1);                               \
      }                                                                                                       \
    }                                                                                                         \
  }

REDSC_SOFTMAX(redsc_softmax_s8, int8_t, 8)
REDSC_SOFTMAX(redsc_softmax_s16, int16_t, 16)

/* value * 2^exponent; more than an int32 holds becomes INT32_MAX. */
static inline int32_t redsc_widened(int32_t value, int32_t exponent) {
  return value > INT32_MAX >> exponent ? INT32_MAX : (int32_t)((uint32_t)value << exponent);
}

/*
 * log of a Q12 number from 1 on as Q5: of r near 2^(-1/4) by a quotient of polynomials, and of a power of two, each
 * scaled in two ways of which the nearer one counts: log_x_for_x_greater_than_or_equal_to_1.
 */
static int32_t redsc_log(int32_t x) {
  const int32_t fourth_root = 1805811301, root = 1518500250; /* 2^(-1/4), 2^(-1/2) */
  const int32_t zeros = redsc_leading_zeros((uint32_t)x);
  const int32_t headroom = redsc_leading_zeros((uint32_t)redsc_product(x, root)) - 1;
  const int32_t r_a = redsc_widened(redsc_product(redsc_widened(x, zeros - 1), root), 1);
  const int32_t r_b = redsc_widened(x, headroom), r = r_a < r_b ? r_a : r_b;
  const int32_t power_a = (12 - zeros) * (1 << 25) + (1 << 23), power_b = (12 - headroom) * (1 << 25) - (1 << 23);
  const int32_t p = (int32_t)(((uint32_t)r + (uint32_t)fourth_root + 1u) >> 1), q = (r - fourth_root) * 2;
  const int32_t q2 = redsc_product(q, q);
  const int32_t above = redsc_product(q, r) + redsc_product(redsc_product(q, q2), 117049297);
  const int32_t below =
      redsc_product(p, 1057819769 + q + redsc_product(127690142, q2)) + redsc_product(638450708, q);
  const int32_t near = redsc_product(redsc_divided(above, 6), redsc_reciprocal(below));
  const int32_t far = redsc_product(power_a > power_b ? power_a : power_b, 1488522236); /* times log(2) */
  return redsc_widened(far + near, 1);
}

static void redsc_log_softmax_row_s8(const redsc_log_softmax_params_s8 *params, const int8_t *x, int8_t *y) {
  const redsc_softmax_params_s8 *logits = &params->logits;
  const int32_t maximum = redsc_maximum(x, logits->depth);
  const int32_t logarithm = redsc_log((int32_t)redsc_sum_powers(logits, x, maximum));
  const int32_t held = redsc_divided(redsc_product(logarithm + INT32_MIN, params->divisor), params->divisor_shift);
  const int32_t least = held > logits->least_difference - 1 ? held : logits->least_difference - 1;
  uint32_t i;
  for (i = 0; i < logits->depth; ++i) {
    const int32_t difference = x[i] - maximum;
    int32_t value = -128;
    if (difference > least) {
      const int32_t scaled = redsc_product(difference * (int32_t)(1u << logits->shift), logits->multiplier);
      value = redsc_divided(scaled - logarithm, 22) + 127;
    }
    y[i] = (int8_t)(value > 127 ? 127 : value < -128 ? -128 : value);
  }
}

void redsc_log_softmax_s8(const redsc_log_softmax_params_s8 *params, const int8_t *x, int8_t *y) {
  const uint32_t depth = params->logits.depth;
  uint32_t row;
  for (row = 0; row < params->logits.rows; ++row) {
    redsc_log_softmax_row_s8(params, x + row * depth, y + row * depth);
  }
}
