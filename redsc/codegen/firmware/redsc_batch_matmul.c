/*
 * redsc: products of int8 matrices, batch by batch. This file carries no licence obligation.
 *
 * Computes what tensorflow/lite/kernels/internal/reference/batch_matmul.h computes: four columns of b are widened
 * once, then met by every row of a.
 */
#include "redsc_batch_matmul.h"

/* Columns of a panel; elements of a group: of a column those with index 0 and 2 lie before 1 and 3, as SXTAB16 widens
   the bytes of a word. */
enum { REDSC_COLUMNS = 4, REDSC_GROUP = 4, REDSC_GROUP_ELEMENTS = REDSC_COLUMNS * REDSC_GROUP };

#if REDSC_DSP

/* Four elements of a less the zero point, in pairs. */
typedef struct {
  uint32_t even, odd;
} redsc_four;

static inline redsc_four redsc_four_at(const int8_t *x, int32_t zero_point) {
  const uint32_t offset = (uint32_t)(-zero_point & 0xFFFF), offsets = offset | offset << 16;
  redsc_four four;
  uint32_t word;
  memcpy(&word, x, sizeof(word));
  __asm__("sxtab16 %0, %1, %2" : "=r"(four.even) : "r"(offsets), "r"(word));
  __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(four.odd) : "r"(offsets), "r"(word));
  return four;
}

static inline uint32_t redsc_add_pair(uint32_t sum, uint32_t pair, const int16_t *w) {
  uint32_t result, weights;
  memcpy(&weights, w, sizeof(weights));
  __asm__("smlad %0, %1, %2, %3" : "=r"(result) : "r"(pair), "r"(weights), "r"(sum));
  return result;
}

static inline uint32_t redsc_add_four(uint32_t sum, redsc_four x, const int16_t *w) {
  return redsc_add_pair(redsc_add_pair(sum, x.even, w), x.odd, w + 2);
}

#else

typedef struct {
  int32_t elements[REDSC_GROUP];
} redsc_four;

static inline redsc_four redsc_four_at(const int8_t *x, int32_t zero_point) {
  redsc_four four;
  four.elements[0] = x[0] - zero_point;
  four.elements[1] = x[1] - zero_point;
  four.elements[2] = x[2] - zero_point;
  four.elements[3] = x[3] - zero_point;
  return four;
}

/* One addition after the other, as cores multiply and add at once. */
static inline uint32_t redsc_add_four(uint32_t sum, redsc_four x, const int16_t *w) {
  sum += (uint32_t)(x.elements[0] * w[0]);
  sum += (uint32_t)(x.elements[2] * w[1]);
  sum += (uint32_t)(x.elements[1] * w[2]);
  return sum + (uint32_t)(x.elements[3] * w[3]);
}

#endif

static inline uint32_t redsc_filled(uint32_t depth) { return (depth + REDSC_GROUP - 1) / REDSC_GROUP * REDSC_GROUP; }

/* Widens `count` columns of b; what is behind their last elements becomes 0. */
static void redsc_put_columns(const redsc_batch_matmul_params_s8 *params, const int8_t *b, uint32_t count,
                              int16_t *panel) {
  static const uint8_t places[REDSC_GROUP] = {0, 2, 1, 3};
  uint32_t column, k;
  memset(panel, 0, redsc_filled(params->depth) * REDSC_COLUMNS * sizeof(*panel));
  for (column = 0; column < count; ++column, b += params->b_column) {
    int16_t *to = panel + column * REDSC_GROUP;
    const int8_t *from = b;
    for (k = 0; k < params->depth; ++k, from += params->b_step) {
      to[places[k % REDSC_GROUP]] = (int16_t)(*from - params->b_zero_point);
      if (k % REDSC_GROUP == REDSC_GROUP - 1) {
        to += REDSC_GROUP_ELEMENTS;
      }
    }
  }
}

static void redsc_put_results(const redsc_batch_matmul_params_s8 *params, const uint32_t *sums, uint32_t count,
                              int8_t *y) {
  const int32_t doubled = redsc_signed((uint32_t)params->multiplier << 1), shift = -params->shift;
  const int32_t zero_point = params->y_zero_point;
  uint32_t i;
  if (params->rescale == REDSC_SHIFTS_RIGHT) {
    for (i = 0; i < count; ++i) {
      y[i] = (int8_t)redsc_saturate_s8(redsc_rescale(REDSC_SHIFTS_RIGHT, sums[i], doubled, shift, zero_point));
    }
    return;
  }
  for (i = 0; i < count; ++i) {
    y[i] = (int8_t)redsc_saturate_s8(redsc_rescale(REDSC_SHIFTS_ANY, sums[i], doubled, shift, zero_point));
  }
}

/* Four results of a row of a, of which `count` are kept. */
static void redsc_multiply_row(const redsc_batch_matmul_params_s8 *params, const int8_t *x, const int16_t *panel,
                               uint32_t count, int8_t *y) {
  const int32_t zero_point = params->a_zero_point;
  uint32_t sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0, sums[REDSC_COLUMNS], left = params->depth;
  int8_t last[REDSC_GROUP] = {0, 0, 0, 0};
  while (left != 0) {
    redsc_four four;
    if (left < REDSC_GROUP) {
      memcpy(last, x, left);
      x = last;
      left = REDSC_GROUP;
    }
    four = redsc_four_at(x, zero_point);
    sum0 = redsc_add_four(sum0, four, panel);
    sum1 = redsc_add_four(sum1, four, panel + REDSC_GROUP);
    sum2 = redsc_add_four(sum2, four, panel + 2 * REDSC_GROUP);
    sum3 = redsc_add_four(sum3, four, panel + 3 * REDSC_GROUP);
    x += REDSC_GROUP;
    panel += REDSC_GROUP_ELEMENTS;
    left -= REDSC_GROUP;
  }
  sums[0] = sum0;
  sums[1] = sum1;
  sums[2] = sum2;
  sums[3] = sum3;
  redsc_put_results(params, sums, count, y);
}

typedef struct {
  const redsc_batch_matmul_params_s8 *params;
  int16_t *panel;
} redsc_product;

static void redsc_multiply_matrices(const void *product, const void *a, const void *b, void *y) {
  const redsc_batch_matmul_params_s8 *params = ((const redsc_product *)product)->params;
  int16_t *panel = ((const redsc_product *)product)->panel;
  int8_t *gathered = (int8_t *)(panel + redsc_filled(params->depth) * REDSC_COLUMNS);
  uint32_t column, row, k;
  for (column = 0; column < params->columns; column += REDSC_COLUMNS) {
    const uint32_t left = params->columns - column, count = left < REDSC_COLUMNS ? left : (uint32_t)REDSC_COLUMNS;
    redsc_put_columns(params, (const int8_t *)b + column * params->b_column, count, panel);
    for (row = 0; row < params->rows; ++row) {
      const int8_t *x = (const int8_t *)a + row * params->a_row;
      if (params->a_step != 1) {
        for (k = 0; k < params->depth; ++k) {
          gathered[k] = x[k * params->a_step];
        }
        x = gathered;
      }
      redsc_multiply_row(params, x, panel, count, (int8_t *)y + row * params->columns + column);
    }
  }
}

void redsc_batch_matmul_s8(const redsc_batch_matmul_params_s8 *params, const int8_t *a, const int8_t *b, int8_t *y,
                           void *scratch) {
  redsc_product product;
  product.params = params;
  product.panel = (int16_t *)scratch;
  redsc_each_row(params->loops, params->rows * params->columns, redsc_multiply_matrices, &product, a, b, y);
}
