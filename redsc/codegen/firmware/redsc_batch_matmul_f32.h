/*
 * redsc: products of float32 matrices, batch by batch. This file carries no licence obligation.
 *
 * Reads elements of a and b more than once: y must lie apart.
 */
#ifndef REDSC_BATCH_MATMUL_F32_H
#define REDSC_BATCH_MATMUL_F32_H

#include "redsc_rows.h"

#ifdef __cplusplus
extern "C" {
#endif

/* y = a * b; the members are those of redsc_batch_matmul.h. */
typedef struct {
  const redsc_loops *loops;
  uint32_t rows, depth, columns;
  uint32_t a_row, a_step, b_column, b_step;
} redsc_batch_matmul_params_f32;

void redsc_batch_matmul_f32(const redsc_batch_matmul_params_f32 *params, const float *a, const float *b, float *y);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_BATCH_MATMUL_F32_H */
