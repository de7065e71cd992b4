/*
 * redsc: the loops of kernels with two operands that broadcast. This file carries no licence obligation.
 */
#include "redsc_rows.h"

void redsc_each_row(const redsc_loops *loops, uint32_t row_bytes, redsc_row *row, const void *params, const void *a,
                    const void *b, void *y) {
  uint8_t *to = (uint8_t *)y;
  uint32_t i, j, k;
  if (loops == 0) {
    row(params, a, b, y);
    return;
  }
  for (i = 0; i < loops->count[0]; ++i) {
    for (j = 0; j < loops->count[1]; ++j) {
      const uint8_t *a_row = (const uint8_t *)a + i * loops->a_step[0] + j * loops->a_step[1];
      const uint8_t *b_row = (const uint8_t *)b + i * loops->b_step[0] + j * loops->b_step[1];
      for (k = 0; k < loops->count[2]; ++k) {
        row(params, a_row, b_row, to);
        a_row += loops->a_step[2];
        b_row += loops->b_step[2];
        to += row_bytes;
      }
    }
  }
}
