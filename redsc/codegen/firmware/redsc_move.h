/*
 * redsc: kernels that only move bytes. This file carries no licence obligation.
 */
#ifndef REDSC_MOVE_H
#define REDSC_MOVE_H

#include <stdint.h>

#include "redsc_turn.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A box of pieces of `bytes` bytes. A line of it has `steps` pieces, so many bytes apart in x and in y; the axes
 * outside the lines are turns. A stride may be negative, and one in x may be 0.
 */
typedef struct {
  uint32_t bytes;
  int32_t steps, x_stride, y_stride;
  uint32_t turn_count;
  const redsc_turn *turns;
} redsc_copy_params;

/* Copies piece by piece; x and y point to the first one. What is read and what is written must not overlap. */
void redsc_copy(const redsc_copy_params *params, const void *x, void *y);

/*
 * `images` images of `image_bytes`, of whose rows (of `row_bytes`) and pixels (of `bytes`) the output has those
 * that two lists name, in their order.
 */
typedef struct {
  uint32_t images, image_bytes, row_bytes, bytes, row_count, column_count;
  const uint16_t *rows, *columns;
} redsc_pick_params;

/* Copies pixel by pixel, in the order of y. x and y must not overlap. */
void redsc_pick(const redsc_pick_params *params, const void *x, void *y);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_MOVE_H */
