/*
 * redsc: products of int8 matrices, batch by batch. This file carries no licence obligation.
 *
 * Reads a whole matrix of b, and one of a for every four columns of it, before the last of y is written: y must lie
 * apart.
 */
#ifndef REDSC_BATCH_MATMUL_H
#define REDSC_BATCH_MATMUL_H

#include "redsc_rescale.h"
#include "redsc_rows.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * y = a * b: sums of `depth` products. Steps count elements: a_row and b_column from one row of a, or column of b, to
 * the next; a_step and b_step along the sum. `loops` go over matrices, 0 where there is one product only. Multiplier
 * and shift are those of redsc_multiply; `rescale` is one of REDSC_SHIFTS_...
 */
typedef struct {
  const redsc_loops *loops;
  uint32_t rows, depth, columns;
  uint32_t a_row, a_step, b_column, b_step;
  int32_t multiplier;
  int16_t a_zero_point, b_zero_point, y_zero_point;
  int8_t shift;
  uint8_t rescale;
} redsc_batch_matmul_params_s8;

/*
 * The scratch holds four columns of b, widened to int16, and a row of a where a_step is not 1: 8 and 1 bytes for every
 * element of a row filled up to four, 4-byte aligned.
 */
void redsc_batch_matmul_s8(const redsc_batch_matmul_params_s8 *params, const int8_t *a, const int8_t *b, int8_t *y,
                           void *scratch);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_BATCH_MATMUL_H */
