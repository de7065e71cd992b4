/*
 * redsc: transposed convolution. This file carries no licence obligation.
 *
 * Computes what tensorflow/lite/kernels/internal/reference/integer_ops/transpose_conv.h and
 * reference/transpose_conv.h scatter into a buffer of sums: per output the taps that reach it.
 */
#include "redsc_transpose_conv.h"

#include "redsc_multiply.h"

/* Along an axis: `count` taps reach an output, every stride-th one from `tap` on, from input `place` downwards. */
typedef struct {
  int32_t tap, place, count;
} redsc_reach;

static redsc_reach redsc_find_reach(int32_t at, int32_t stride, int32_t kernel, int32_t size) {
  redsc_reach reach;
  int32_t taps;
  reach.tap = at % stride;
  reach.place = at / stride;
  if (reach.place >= size) {
    reach.tap += (reach.place - size + 1) * stride;
    reach.place = size - 1;
  }
  taps = reach.tap < kernel ? (kernel - reach.tap + stride - 1) / stride : 0;
  reach.count = taps <= reach.place ? taps : reach.place + 1;
  return reach;
}

/* Adds what one tap gives to the sums of one output channel, or of four. */
static void redsc_add_tap_s8(const redsc_transpose_conv_params *params, const int8_t *x, const int8_t *w,
                             int32_t channels, uint32_t *sums) {
  const int32_t depth = params->input_channels, offset = -params->input_zero_point;
  const int32_t next = channels == 4 ? params->channel_stride : 0; /* one channel is added four times */
  const int8_t *w1 = w + next, *w2 = w1 + next, *w3 = w2 + next;
  uint32_t sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3];
  int32_t k;
  for (k = 0; k < depth; ++k) {
    const int32_t value = x[k] + offset;
    sum0 += (uint32_t)(value * w[k]);
    sum1 += (uint32_t)(value * w1[k]);
    sum2 += (uint32_t)(value * w2[k]);
    sum3 += (uint32_t)(value * w3[k]);
  }
  sums[0] = sum0;
  sums[1] = sum1;
  sums[2] = sum2;
  sums[3] = sum3;
}

static void redsc_gather_s8(const redsc_transpose_conv_params *params, const int8_t *image, const int8_t *weight,
                            redsc_reach rows, redsc_reach columns, int32_t channels, uint32_t *sums) {
  int32_t row, column;
  for (row = 0; row < rows.count; ++row) {
    const int32_t line = (rows.place - row) * params->input_width;
    const int8_t *kernel_line = weight + (rows.tap + row * params->stride_h) * params->line_stride;
    for (column = 0; column < columns.count; ++column) {
      const int8_t *x = image + (line + columns.place - column) * params->input_channels;
      const int8_t *w = kernel_line + (columns.tap + column * params->stride_w) * params->tap_stride;
      redsc_add_tap_s8(params, x, w, channels, sums);
    }
  }
}

static float redsc_gather_f32(const redsc_transpose_conv_params *params, const float *image, const float *weight,
                              redsc_reach rows, redsc_reach columns) {
  float sum = 0.0f;
  int32_t row, column, k;
  for (row = 0; row < rows.count; ++row) {
    const int32_t line = (rows.place - row) * params->input_width;
    const float *kernel_line = weight + (rows.tap + row * params->stride_h) * params->line_stride;
    for (column = 0; column < columns.count; ++column) {
      const float *x = image + (line + columns.place - column) * params->input_channels;
      const float *w = kernel_line + (columns.tap + column * params->stride_w) * params->tap_stride;
      for (k = 0; k < params->input_channels; ++k) {
        sum += x[k] * w[k];
      }
    }
  }
  return sum;
}

static redsc_reach redsc_rows_reaching(const redsc_transpose_conv_params *params, int32_t row) {
  return redsc_find_reach(row + params->pad_top, params->stride_h, params->kernel_height, params->input_height);
}

static redsc_reach redsc_columns_reaching(const redsc_transpose_conv_params *params, int32_t column) {
  return redsc_find_reach(column + params->pad_left, params->stride_w, params->kernel_width, params->input_width);
}

static void redsc_transpose_pixel_s8(const redsc_transpose_conv_params *params, const int8_t *image,
                                     redsc_reach rows, redsc_reach columns, int8_t *y) {
  const int8_t *weight = (const int8_t *)params->weight;
  int32_t channel = 0;
  while (channel < params->output_channels) {
    const int32_t together = params->output_channels - channel >= 4 ? 4 : 1;
    uint32_t sums[4] = {0, 0, 0, 0};
    int32_t i;
    redsc_gather_s8(params, image, weight, rows, columns, together, sums);
    for (i = 0; i < together; ++i, ++channel) {
      const redsc_transpose_conv_channel *own = &params->channels[channel];
      const uint32_t sum = sums[i] + (uint32_t)own->bias;
      const uint32_t steps = (uint32_t)redsc_multiply(sum, own->multiplier, own->shift);
      const int32_t value = redsc_signed(steps + (uint32_t)params->output_zero_point);
      y[channel] = (int8_t)redsc_clamp(value, params->minimum_s8, params->maximum_s8);
    }
    weight += together * params->channel_stride;
  }
}

static void redsc_transpose_pixel_f32(const redsc_transpose_conv_params *params, const float *image,
                                      redsc_reach rows, redsc_reach columns, float *y) {
  const float *weight = (const float *)params->weight;
  int32_t channel;
  for (channel = 0; channel < params->output_channels; ++channel) {
    float sum = redsc_gather_f32(params, image, weight, rows, columns);
    sum += params->bias != NULL ? params->bias[channel] : 0.0f;
    sum = sum < params->minimum_f32 ? params->minimum_f32 : sum;
    y[channel] = sum > params->maximum_f32 ? params->maximum_f32 : sum;
    weight += params->channel_stride;
  }
}

void redsc_transpose_conv_s8(const redsc_transpose_conv_params *params, const int8_t *x, int8_t *y) {
  int32_t image, row, column;
  for (image = 0; image < params->batches; ++image) {
    for (row = 0; row < params->output_height; ++row) {
      const redsc_reach rows = redsc_rows_reaching(params, row);
      for (column = 0; column < params->output_width; ++column) {
        redsc_transpose_pixel_s8(params, x, rows, redsc_columns_reaching(params, column), y);
        y += params->output_channels;
      }
    }
    x += params->input_height * params->input_width * params->input_channels;
  }
}

void redsc_transpose_conv_f32(const redsc_transpose_conv_params *params, const float *x, float *y) {
  int32_t image, row, column;
  for (image = 0; image < params->batches; ++image) {
    for (row = 0; row < params->output_height; ++row) {
      const redsc_reach rows = redsc_rows_reaching(params, row);
      for (column = 0; column < params->output_width; ++column) {
        redsc_transpose_pixel_f32(params, x, rows, redsc_columns_reaching(params, column), y);
        y += params->output_channels;
      }
    }
    x += params->input_height * params->input_width * params->input_channels;
  }
}
