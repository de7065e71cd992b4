/*
 * redsc: the loops of kernels with two operands that broadcast. This file carries no licence obligation.
 */
#ifndef REDSC_ROWS_H
#define REDSC_ROWS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Three loops around pieces of y, the innermost last. Steps in bytes: 0 where the operand is repeated. */
typedef struct {
  uint32_t count[3], a_step[3], b_step[3];
} redsc_loops;

/*
 * How two operands meet. A row has `length` elements; the operand goes on by 1 element from one to the next, or by 0
 * where it is repeated. `loops` is 0 where there is one row only.
 */
typedef struct {
  uint32_t length;
  uint8_t a_step, b_step;
  const redsc_loops *loops;
} redsc_rows;

/* Makes one piece of y, as a row of it; `params` are those of the kernel. */
typedef void redsc_row(const void *params, const void *a, const void *b, void *y);

/* Calls `row` for every piece of y, each of so many bytes; once where `loops` is 0. */
void redsc_each_row(const redsc_loops *loops, uint32_t row_bytes, redsc_row *row, const void *params, const void *a,
                    const void *b, void *y);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_ROWS_H */
