/*
 * redsc: kernels that only move bytes. This file carries no licence obligation.
 */
#include "redsc_move.h"

#include <string.h>

static void redsc_copy_bytes(const redsc_copy_params *params, const uint8_t *from, uint8_t *to) {
  int32_t step;
  for (step = 0; step < params->steps; ++step) {
    to[step * params->y_stride] = from[step * params->x_stride];
  }
}

/* Compilers make one load and one store of a copy of four bytes where the core can. */
static void redsc_copy_words(const redsc_copy_params *params, const uint8_t *from, uint8_t *to) {
  int32_t step;
  for (step = 0; step < params->steps; ++step) {
    memcpy(to + step * params->y_stride, from + step * params->x_stride, 4);
  }
}

static void redsc_copy_pieces(const redsc_copy_params *params, const uint8_t *from, uint8_t *to) {
  int32_t step;
  for (step = 0; step < params->steps; ++step) {
    memcpy(to + step * params->y_stride, from + step * params->x_stride, params->bytes);
  }
}

void redsc_copy(const redsc_copy_params *params, const void *x, void *y) {
  const uint8_t *from = (const uint8_t *)x;
  uint8_t *to = (uint8_t *)y;
  int32_t places[REDSC_MOST_TURNS] = {0};
  for (;;) {
    uint32_t axis;
    if (params->bytes == 1) {
      redsc_copy_bytes(params, from, to);
    } else if (params->bytes == 4) {
      redsc_copy_words(params, from, to);
    } else {
      redsc_copy_pieces(params, from, to);
    }
    axis = redsc_next_turn(params->turns, params->turn_count, places);
    if (axis == params->turn_count) {
      return;
    }
    from += params->turns[axis].x;
    to += params->turns[axis].y;
  }
}

void redsc_pick(const redsc_pick_params *params, const void *x, void *y) {
  const uint8_t *image = (const uint8_t *)x;
  uint8_t *to = (uint8_t *)y;
  uint32_t number, row, column;
  for (number = 0; number < params->images; ++number) {
    for (row = 0; row < params->row_count; ++row) {
      const uint8_t *line = image + params->rows[row] * params->row_bytes;
      for (column = 0; column < params->column_count; ++column) {
        memcpy(to, line + params->columns[column] * params->bytes, params->bytes);
        to += params->bytes;
      }
    }
    image += params->image_bytes;
  }
}
