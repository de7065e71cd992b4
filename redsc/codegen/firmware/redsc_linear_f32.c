/*
 * redsc: convolutions and dense layers of float32. This file carries no licence obligation.
 *
 * Follows tensorflow/lite/kernels/internal/reference/conv.h, depthwiseconv_float.h and fully_connected.h: products
 * are added in their order, the bias last; taps outside the image add nothing.
 */
#include "redsc_linear_f32.h"

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

static float redsc_window_sum(const redsc_linear_f32_params *params, const float *image, const float *weight,
                              redsc_inside rows, redsc_inside columns) {
  const int32_t step = params->dilation_w * params->input_channels;
  float sum = 0.0f;
  int32_t ky, kx, k;
  for (ky = rows.first; ky < rows.end; ++ky) {
    const int32_t row = rows.origin + ky * params->dilation_h;
    const float *pixel = image + (row * params->input_width + columns.origin) * params->input_channels;
    const float *tap = weight + ky * params->line_stride;
    for (kx = columns.first; kx < columns.end; ++kx) {
      const float *values = pixel + kx * step, *weights = tap + kx * params->tap_stride;
      for (k = 0; k < params->depth; ++k) {
        sum += values[k] * weights[k];
      }
    }
  }
  return sum;
}

/* All channels of one pixel. */
static void redsc_linear_pixel(const redsc_linear_f32_params *params, const float *image, redsc_inside rows,
                               redsc_inside columns, float *y) {
  const float *weight = params->weight;
  int32_t channel, place = 0;
  for (channel = 0; channel < params->output_channels; ++channel) {
    float sum = redsc_window_sum(params, image, weight, rows, columns);
    sum += params->bias != 0 ? params->bias[channel] : 0.0f;
    sum = sum < params->minimum ? params->minimum : sum;
    y[channel] = sum > params->maximum ? params->maximum : sum;
    weight += params->channel_stride;
    if (++place == params->group_outputs) {
      image += params->depth;
      place = 0;
    }
  }
}

void redsc_linear_f32(const redsc_linear_f32_params *params, const float *x, float *y) {
  int32_t image, row, column;
  for (image = 0; image < params->images; ++image) {
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
