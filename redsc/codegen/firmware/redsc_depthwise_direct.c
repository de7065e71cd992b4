/*
 * redsc: depthwise convolution of any kernel, without scratch. This file carries no licence obligation.
 */
#include "redsc_depthwise.h"

/* The taps of an axis that lie inside the image; `at` is where the first of them lies. */
typedef struct {
  int at, first, count;
} redsc_span;

/* The taps of a window that lie inside the image. */
typedef struct {
  const int8_t *x, *weight;                       /* of the first tap; channel 0 */
  int rows, columns;
  int x_row, x_column, weight_row, weight_column; /* from a tap to the next one */
} redsc_window;

static redsc_span redsc_span_of(int at, int dilation, int kernel, int size) {
  redsc_span span = {at, 0, kernel};
  while (span.count > 0 && span.at < 0) {
    span.at += dilation;
    ++span.first;
    --span.count;
  }
  while (span.count > 0 && span.at + (span.count - 1) * dilation >= size) {
    --span.count;
  }
  return span;
}

static void redsc_set_row(redsc_window *window, const redsc_depthwise *layer, const int8_t *image, int row) {
  const int line = layer->input_width * layer->input_channels;
  const redsc_span rows = redsc_span_of(row * layer->stride_height - layer->pad_top, layer->dilation_height,
                                        layer->kernel_height, layer->input_height);
  window->rows = rows.count;
  window->weight_column = layer->weight_stride;
  window->weight_row = layer->kernel_width * layer->weight_stride;
  window->x_column = layer->dilation_width * layer->input_channels;
  window->x_row = layer->dilation_height * line;
  window->x = image + rows.at * line;
  window->weight = layer->weight + rows.first * window->weight_row;
}

/* The window of a pixel in the row of `window`. */
static redsc_window redsc_at_column(redsc_window window, const redsc_depthwise *layer, int column) {
  const redsc_span columns = redsc_span_of(column * layer->stride_width - layer->pad_left, layer->dilation_width,
                                           layer->kernel_width, layer->input_width);
  window.columns = columns.count;
  window.x += columns.at * layer->input_channels;
  window.weight += columns.first * window.weight_column;
  return window;
}

/* One by one, from `channel` on. */
static void redsc_single_channels(const redsc_depthwise *layer, const redsc_window *window, int8_t *y, int channel) {
  const int end = layer->input_channels * layer->multiplier;
  int row, column;
  for (; channel < end; ++channel) {
    const redsc_channel_pair *pair = &layer->channels[channel >> 1];
    const int8_t *x_row = window->x + (layer->multiplier == 1 ? channel : channel / layer->multiplier);
    const int8_t *weight_row = window->weight + channel;
    const int which = channel & 1;
    uint32_t sum = (uint32_t)pair->bias[which];
    for (row = window->rows; row > 0; --row) {
      const int8_t *x = x_row, *weight = weight_row;
      for (column = window->columns; column > 0; --column) {
        sum += (uint32_t)((*x - layer->input_zero_point) * *weight);
        x += window->x_column;
        weight += window->weight_column;
      }
      x_row += window->x_row;
      weight_row += window->weight_row;
    }
    y[channel] = (int8_t)redsc_clamp(redsc_rescale(layer->shifts, sum, pair->doubled[which], pair->shift[which],
                                                   layer->output_zero_point),
                                     layer->minimum, layer->maximum);
  }
}

#if REDSC_DSP

typedef struct {
  uint32_t a, b, c, d;
} redsc_four;

/* Compilers left to themselves share the loops of both kinds of fours, which spills. */
#define REDSC_INLINE static inline __attribute__((always_inline))

REDSC_INLINE uint32_t redsc_word(const int8_t *bytes) {
  uint32_t word; /* compilers make one load of it */
  memcpy(&word, bytes, sizeof(word));
  return word;
}

/* Inline assembly, as arm_acle.h cannot fuse the rotation. */
REDSC_INLINE redsc_four redsc_add_tap(redsc_four sums, uint32_t offsets, uint32_t x, uint32_t weight) {
  uint32_t even, odd, even_weight, odd_weight;
  __asm__("sxtab16 %0, %1, %2" : "=r"(even) : "r"(offsets), "r"(x));
  __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(odd) : "r"(offsets), "r"(x));
  __asm__("sxtb16 %0, %1" : "=r"(even_weight) : "r"(weight));
  __asm__("sxtb16 %0, %1, ror #8" : "=r"(odd_weight) : "r"(weight));
  __asm__("smlabb %0, %1, %2, %0" : "+r"(sums.a) : "r"(even), "r"(even_weight));
  __asm__("smlabb %0, %1, %2, %0" : "+r"(sums.b) : "r"(odd), "r"(odd_weight));
  __asm__("smlatt %0, %1, %2, %0" : "+r"(sums.c) : "r"(even), "r"(even_weight));
  __asm__("smlatt %0, %1, %2, %0" : "+r"(sums.d) : "r"(odd), "r"(odd_weight));
  return sums;
}

/* The products of four weights per tap and four channels of x, or one channel that they share. */
REDSC_INLINE redsc_four redsc_add_window(redsc_four sums, const redsc_window *window, int x_at, int weight_at,
                                         uint32_t offsets, int is_shared) {
  const int x_step = window->x_column, weight_step = window->weight_column;
  const int8_t *x_row = window->x + x_at, *weight_row = window->weight + weight_at;
  int row, column;
  for (row = window->rows; row > 0; --row) {
    const int8_t *x = x_row, *weight = weight_row;
    for (column = window->columns; column > 0; --column) {
      const uint32_t x4 = is_shared ? (uint32_t)(uint8_t)*x * 0x01010101u : redsc_word(x);
      sums = redsc_add_tap(sums, offsets, x4, redsc_word(weight));
      x += x_step;
      weight += weight_step;
    }
    x_row += window->x_row;
    weight_row += window->weight_row;
  }
  return sums;
}

/* Two neighbouring channels. `step` is the rounding of a shift of 1. */
REDSC_INLINE void redsc_put(const redsc_depthwise *layer, int8_t *y, const redsc_channel_pair *pair, uint32_t left,
                            uint32_t right, uint32_t step) {
  const int32_t shift = pair->shift[0], next_shift = pair->shift[1];
  int32_t first = redsc_shift_right(redsc_high(left, pair->doubled[0]), step << (shift - 1), shift);
  int32_t second = redsc_shift_right(redsc_high(right, pair->doubled[1]), step << (next_shift - 1), next_shift);
  if (layer->maximum - layer->minimum == 255) {
    first = redsc_saturate_s8(first);
    second = redsc_saturate_s8(second);
  } else {
    first = redsc_clamp(first, layer->minimum, layer->maximum);
    second = redsc_clamp(second, layer->minimum, layer->maximum);
  }
  y[0] = (int8_t)first;
  y[1] = (int8_t)second;
}

/* All channels that come in fours; returns how many these are. */
REDSC_INLINE int redsc_fours(const redsc_depthwise *layer, const redsc_window *window, int8_t *y, int is_shared) {
  const uint32_t offset = (0u - (uint32_t)layer->input_zero_point) & 0xFFFFu, offsets = offset | (offset << 16);
  const uint32_t step = redsc_rounding(1, layer->output_zero_point);
  const int end = (layer->input_channels * layer->multiplier) & ~3;
  const redsc_channel_pair *pair = layer->channels;
  int channel;
  for (channel = 0; channel < end; channel += 4) {
    redsc_four sums = {(uint32_t)pair[0].bias[0], (uint32_t)pair[0].bias[1], (uint32_t)pair[1].bias[0],
                       (uint32_t)pair[1].bias[1]};
    sums = redsc_add_window(sums, window, is_shared ? channel / layer->multiplier : channel, channel, offsets,
                            is_shared);
    redsc_put(layer, y + channel, pair, sums.a, sums.b, step);
    redsc_put(layer, y + channel + 2, pair + 1, sums.c, sums.d, step);
    pair += 2;
  }
  return end;
}

static int redsc_own_fours(const redsc_depthwise *layer, const redsc_window *window, int8_t *y) {
  return redsc_fours(layer, window, y, 0);
}

static int redsc_shared_fours(const redsc_depthwise *layer, const redsc_window *window, int8_t *y) {
  return redsc_fours(layer, window, y, 1);
}

static void redsc_pixel(const redsc_depthwise *layer, const redsc_window *window, int8_t *y) {
  const int is_right = layer->shifts == REDSC_SHIFTS_RIGHT;
  int done = 0;
  if (is_right && layer->multiplier == 1) {
    done = redsc_own_fours(layer, window, y);
  } else if (is_right && layer->multiplier % 4 == 0) {
    done = redsc_shared_fours(layer, window, y);
  }
  redsc_single_channels(layer, window, y, done);
}

#else

static void redsc_pixel(const redsc_depthwise *layer, const redsc_window *window, int8_t *y) {
  redsc_single_channels(layer, window, y, 0);
}

#endif

void redsc_depthwise_direct_s8(const redsc_depthwise *layer, const int8_t *x, int8_t *y) {
  int batch, row, column;
  for (batch = 0; batch < layer->batches; ++batch) {
    for (row = 0; row < layer->output_height; ++row) {
      redsc_window line;
      redsc_set_row(&line, layer, x, row);
      for (column = 0; column < layer->output_width; ++column) {
        const redsc_window window = redsc_at_column(line, layer, column);
        redsc_pixel(layer, &window, y);
        y += layer->input_channels * layer->multiplier;
      }
    }
    x += layer->input_height * layer->input_width * layer->input_channels;
  }
}
