/*
 * redsc: kernels that only move bytes. This file carries no licence obligation.
 */
#include "redsc_move.h"

#include <string.h>

void redsc_copy(const redsc_copy_params *params, const void *x, void *y) {
  const uint8_t *from = (const uint8_t *)x;
  uint8_t *to = (uint8_t *)y;
  uint32_t row;
  for (row = 0; row < params->rows; ++row) {
    memmove(to, from, params->bytes);
    from += params->x_stride;
    to += params->y_stride;
  }
}
