/*
 * redsc: products of float32 matrices, batch by batch. This file carries no licence obligation.
 *
 * Follows tensorflow/lite/kernels/internal/reference/batch_matmul.h: products are added in their order.
 */
#include "redsc_batch_matmul_f32.h"

static float redsc_product_sum(const redsc_batch_matmul_params_f32 *params, const float *a, const float *b) {
  float sum = 0.0f;
  uint32_t k;
  for (k = 0; k < params->depth; ++k) {
    sum += *a * *b;
    a += params->a_step;
    b += params->b_step;
  }
  return sum;
}

/* The same for four neighbouring columns of b. */
static void redsc_four_sums(const redsc_batch_matmul_params_f32 *params, const float *a, const float *b, float *y) {
  const uint32_t a_step = params->a_step, b_step = params->b_step;
  const float *b1 = b + params->b_column, *b2 = b1 + params->b_column, *b3 = b2 + params->b_column;
  float sum0 = 0.0f, sum1 = 0.0f, sum2 = 0.0f, sum3 = 0.0f;
  uint32_t k, at = 0;
  for (k = 0; k < params->depth; ++k) {
    const float x = *a;
    sum0 += x * b[at];
    sum1 += x * b1[at];
    sum2 += x * b2[at];
    sum3 += x * b3[at];
    a += a_step;
    at += b_step;
  }
  y[0] = sum0;
  y[1] = sum1;
  y[2] = sum2;
  y[3] = sum3;
}

static void redsc_multiply_matrices(const void *params, const void *a, const void *b, void *y) {
  const redsc_batch_matmul_params_f32 *p = (const redsc_batch_matmul_params_f32 *)params;
  const float *x = (const float *)a;
  float *to = (float *)y;
  uint32_t row;
  for (row = 0; row < p->rows; ++row, x += p->a_row) {
    const float *w = (const float *)b, *end = w + p->columns * p->b_column;
    const float *last_four = end - p->columns % 4 * p->b_column;
    for (; w != last_four; w += 4 * p->b_column, to += 4) {
      redsc_four_sums(p, x, w, to);
    }
    for (; w != end; w += p->b_column) {
      *to++ = redsc_product_sum(p, x, w);
    }
  }
}

void redsc_batch_matmul_f32(const redsc_batch_matmul_params_f32 *params, const float *a, const float *b, float *y) {
  const uint32_t bytes = params->rows * params->columns * (uint32_t)sizeof(float);
  redsc_each_row(params->loops, bytes, redsc_multiply_matrices, params, a, b, y);
}
