/*
 * redsc: convolutions and dense layers of float32. This file carries no licence obligation.
 *
 * Follows tensorflow/lite/kernels/internal/reference/conv.h, depthwiseconv_float.h and fully_connected.h: products
 * are added in their order, the bias last; taps outside the image add nothing.
 */
#include "redsc_linear_f32.h"

/* The inner loops need the registers for themselves. */
#if defined(__GNUC__)
#define REDSC_APART __attribute__((noinline))
#else
#define REDSC_APART
#endif

/* The taps first ... end - 1 of a window axis lie inside the image; tap 0 lies at `origin`. */
typedef struct {
  int32_t origin, first, end;
} redsc_inside;

static redsc_inside redsc_find_inside(int32_t origin, int32_t dilation, int32_t kernel, int32_t size) {
  redsc_inside taps;
  taps.origin = origin;
  taps.first = origin < 0 ? (dilation - 1 - origin) / dilation : 0;
  taps.end = origin < size ? (size - origin + dilation - 1) / dilation : 0;
  taps.end = taps.end < kernel ? taps.end : kernel;
  return taps;
}

/* Adds `count` products of elements that lie so far apart. */
static REDSC_APART float redsc_add_products(const float *x, int32_t x_step, const float *w, int32_t w_step,
                                            int32_t count, float sum) {
  int32_t at_x = 0, at_w = 0;
  for (; count > 0; --count) {
    sum += x[at_x] * w[at_w];
    at_x += x_step;
    at_w += w_step;
  }
  return sum;
}

/* The same for four output channels, of elements that lie side by side. */
static REDSC_APART void redsc_add_four(const float *x, const float *w, int32_t channel_stride, int32_t count,
                                       float *sums) {
  const float *w1 = w + channel_stride, *w2 = w1 + channel_stride, *w3 = w2 + channel_stride;
  float sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3];
  int32_t k;
  for (k = 0; k < count; ++k) {
    const float value = *x++;
    sum0 += value * *w++;
    sum1 += value * *w1++;
    sum2 += value * *w2++;
    sum3 += value * *w3++;
  }
  sums[0] = sum0;
  sums[1] = sum1;
  sums[2] = sum2;
  sums[3] = sum3;
}

/* What `count` taps give to four channels of a depthwise layer. */
static REDSC_APART void redsc_add_four_apart(const float *x, int32_t x_step, const float *w, int32_t w_step,
                                             int32_t count, float *sums) {
  float sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3];
  int32_t at_x = 0, at_w = 0;
  for (; count > 0; --count) {
    const float *values = x + at_x, *weights = w + at_w;
    sum0 += values[0] * weights[0];
    sum1 += values[1] * weights[1];
    sum2 += values[2] * weights[2];
    sum3 += values[3] * weights[3];
    at_x += x_step;
    at_w += w_step;
  }
  sums[0] = sum0;
  sums[1] = sum1;
  sums[2] = sum2;
  sums[3] = sum3;
}

static int redsc_is_depthwise(const redsc_linear_f32_params *params) {
  return params->depth == 1 && params->group_outputs == 1 && params->channel_stride == 1;
}

/* What one kernel row adds to the sums of one output channel, or of four; its elements may lie in one stretch. */
static void redsc_add_row(const redsc_linear_f32_params *params, const float *x, const float *w, int32_t taps,
                          int32_t channels, float *sums) {
  const int32_t x_step = params->dilation_w * params->input_channels, w_step = params->tap_stride;
  int32_t depth = params->depth, tap;
  if (channels == 4 && redsc_is_depthwise(params)) {
    redsc_add_four_apart(x, x_step, w, w_step, taps, sums);
    return;
  }
  if (channels == 1 && depth == 1) {
    sums[0] = redsc_add_products(x, x_step, w, w_step, taps, sums[0]);
    return;
  }
  if (x_step == depth && w_step == depth) {
    depth *= taps;
    taps = 1;
  }
  for (tap = 0; tap < taps; ++tap) {
    const float *values = x + tap * x_step, *weights = w + tap * w_step;
    if (channels == 1) {
      sums[0] = redsc_add_products(values, 1, weights, 1, depth, sums[0]);
    } else {
      redsc_add_four(values, weights, params->channel_stride, depth, sums);
    }
  }
}

static void redsc_add_window(const redsc_linear_f32_params *params, const float *image, const float *weight,
                             redsc_inside rows, redsc_inside columns, int32_t channels, float *sums) {
  const int32_t taps = columns.end - columns.first;
  const int32_t left = columns.origin + columns.first * params->dilation_w;
  int32_t ky;
  for (ky = rows.first; ky < rows.end && taps > 0; ++ky) {
    const int32_t pixel = (rows.origin + ky * params->dilation_h) * params->input_width + left;
    const int32_t tap = ky * params->line_stride + columns.first * params->tap_stride;
    redsc_add_row(params, image + pixel * params->input_channels, weight + tap, taps, channels, sums);
  }
}

/* All channels of one pixel: four at once where they read the same channels of x, or one channel each. */
static void redsc_linear_pixel(const redsc_linear_f32_params *params, const float *image, redsc_inside rows,
                               redsc_inside columns, float *y) {
  const float *weight = params->weight;
  const int32_t group = redsc_is_depthwise(params) ? params->output_channels : params->group_outputs;
  int32_t channel = 0, place = 0;
  while (channel < params->output_channels) {
    const int32_t together = group - place >= 4 ? 4 : 1;
    float sums[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    int32_t i;
    redsc_add_window(params, image, weight, rows, columns, together, sums);
    for (i = 0; i < together; ++i, ++channel) {
      float sum = sums[i] + (params->bias != 0 ? params->bias[channel] : 0.0f);
      sum = sum < params->minimum ? params->minimum : sum;
      y[channel] = sum > params->maximum ? params->maximum : sum;
    }
    weight += together * params->channel_stride;
    place += together;
    if (params->group_outputs == 1) {
      image += together * params->depth;
    } else if (place == group) {
      image += params->depth;
      place = 0;
    }
  }
}

void redsc_linear_f32(const redsc_linear_f32_params *params, const float *x, float *y) {
  int32_t image, row, column;
  for (image = 0; image < params->batches; ++image) {
    for (row = 0; row < params->output_height; ++row) {
      const redsc_inside rows = redsc_find_inside(row * params->stride_h - params->pad_top, params->dilation_h,
                                                  params->kernel_height, params->input_height);
      for (column = 0; column < params->output_width; ++column) {
        const redsc_inside columns = redsc_find_inside(column * params->stride_w - params->pad_left,
                                                       params->dilation_w, params->kernel_width,
                                                       params->input_width);
        redsc_linear_pixel(params, x, rows, columns, y);
        y += params->output_channels;
      }
    }
    x += params->input_height * params->input_width * params->input_channels;
  }
}
