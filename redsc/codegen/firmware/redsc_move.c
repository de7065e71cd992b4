/*
 * redsc: kernels that only move bytes. This file carries no licence obligation.
 */
#include "redsc_move.h"

#include <string.h>

enum { REDSC_SHORT_BYTES = 64 }; /* up to here a call of memcpy costs more than the loop */

static void redsc_copy_bytes(const redsc_copy_params *params, const uint8_t *from, uint8_t *to) {
  const int32_t x_stride = params->x_stride, y_stride = params->y_stride;
  int32_t step = params->steps, x = 0, y = 0;
  for (; step > 0; --step) {
    to[y] = from[x];
    x += x_stride;
    y += y_stride;
  }
}

/* Compilers make one load and one store of a copy of four bytes where the core can. */
static void redsc_copy_words(const redsc_copy_params *params, const uint8_t *from, uint8_t *to) {
  const int32_t x_stride = params->x_stride, y_stride = params->y_stride;
  int32_t step = params->steps, x = 0, y = 0;
  for (; step > 0; --step) {
    memcpy(to + y, from + x, 4);
    x += x_stride;
    y += y_stride;
  }
}

static void redsc_copy_piece(uint8_t *to, const uint8_t *from, uint32_t bytes) {
  if (bytes > REDSC_SHORT_BYTES) {
    memcpy(to, from, bytes);
    return;
  }
  for (; bytes >= 4; bytes -= 4) {
    memcpy(to, from, 4);
    to += 4;
    from += 4;
  }
  for (; bytes > 0; --bytes) {
    *to++ = *from++;
  }
}

static void redsc_copy_pieces(const redsc_copy_params *params, const uint8_t *from, uint8_t *to) {
  const uint32_t bytes = params->bytes;
  const int32_t x_stride = params->x_stride, y_stride = params->y_stride;
  int32_t step = params->steps, x = 0, y = 0;
  for (; step > 0; --step) {
    redsc_copy_piece(to + y, from + x, bytes);
    x += x_stride;
    y += y_stride;
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
  const uint32_t bytes = params->bytes;
  uint32_t number, row, column;
  for (number = 0; number < params->images; ++number) {
    for (row = 0; row < params->row_count; ++row) {
      const uint8_t *line = image + params->rows[row] * params->row_bytes;
      for (column = 0; column < params->column_count; ++column) {
        redsc_copy_piece(to, line + params->columns[column] * bytes, bytes);
        to += bytes;
      }
    }
    image += params->image_bytes;
  }
}
