/*
 * redsc: how windows go over images. This file carries no licence obligation.
 */
#include "redsc_window.h"

/* Where the window of a pixel of y begins in its image, in elements; `window` gets its part inside of the image. */
static uint32_t redsc_pool_window(const redsc_pool *pool, int32_t out_y, int32_t out_x, redsc_window *window) {
  const int32_t top = out_y * pool->stride_height - pool->pad_top;
  const int32_t left = out_x * pool->stride_width - pool->pad_left;
  const int32_t bottom = top + pool->filter_height, right = left + pool->filter_width;
  const int32_t first_row = top > 0 ? top : 0, first_column = left > 0 ? left : 0;
  window->rows = (uint32_t)((bottom < pool->height ? bottom : pool->height) - first_row);
  window->columns = (uint32_t)((right < pool->width ? right : pool->width) - first_column);
  window->column_step = (uint32_t)pool->channels;
  window->row_step = (uint32_t)pool->width * window->column_step;
  if (window->columns == (uint32_t)pool->width) { /* whole rows are one */
    window->columns *= window->rows;
    window->rows = 1;
  }
  return (uint32_t)first_row * window->row_step + (uint32_t)first_column * window->column_step;
}

void redsc_each_pixel(const redsc_pool *pool, redsc_pixel *pixel, const void *params, const void *x, void *y,
                      uint32_t itemsize) {
  const uint32_t pixel_bytes = (uint32_t)pool->channels * itemsize;
  const uint8_t *image = (const uint8_t *)x;
  uint8_t *to = (uint8_t *)y;
  int32_t batch, out_y, out_x;
  for (batch = 0; batch < pool->batches; ++batch) {
    for (out_y = 0; out_y < pool->out_height; ++out_y) {
      for (out_x = 0; out_x < pool->out_width; ++out_x) {
        redsc_window window;
        const uint32_t start = redsc_pool_window(pool, out_y, out_x, &window);
        pixel(params, &window, image + start * itemsize, to);
        to += pixel_bytes;
      }
    }
    image += (uint32_t)(pool->height * pool->width) * pixel_bytes;
  }
}
