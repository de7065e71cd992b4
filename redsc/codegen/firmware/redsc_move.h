/*
 * redsc: kernels that only move bytes. This file carries no licence obligation.
 */
#ifndef REDSC_MOVE_H
#define REDSC_MOVE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* `rows` pieces of `bytes` bytes; the next piece begins so many bytes behind the last one, in x and in y. */
typedef struct {
  uint32_t rows, bytes, x_stride, y_stride;
} redsc_copy_params;

/* Row by row. Where y lies over x, pieces are moved as by memmove; no row may be written before it is read. */
void redsc_copy(const redsc_copy_params *params, const void *x, void *y);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_MOVE_H */
