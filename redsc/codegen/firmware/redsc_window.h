/*
 * redsc: windows over tensors, of pools and reductions. This file carries no licence obligation.
 */
#ifndef REDSC_WINDOW_H
#define REDSC_WINDOW_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Elements that lie in rows, so many elements apart. */
typedef struct {
  uint32_t rows, columns, row_step, column_step;
} redsc_window;

/* Images in NHWC order and the window that goes over them; padding counts pixels before the image. */
typedef struct {
  int32_t batches, height, width, channels, out_height, out_width;
  int32_t filter_height, filter_width, stride_height, stride_width, pad_top, pad_left;
} redsc_pool;

/* Makes all channels of one pixel of y from windows of which the first begins at x. */
typedef void redsc_pixel(const void *params, const redsc_window *window, const void *x, void *y);

/* Calls `pixel` for every pixel of y, in order; `params` are those of the kernel. */
void redsc_each_pixel(const redsc_pool *pool, redsc_pixel *pixel, const void *params, const void *x, void *y,
                      uint32_t itemsize);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_WINDOW_H */
