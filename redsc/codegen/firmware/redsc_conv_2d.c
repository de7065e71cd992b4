/*
 * redsc: 2-D convolution over a part of a shared weight array. This file carries no licence obligation.
 *
 * Follows tensorflow/lite/kernels/internal/reference/integer_ops/conv.h and reference/conv.h: taps outside the
 * image add nothing.
 */
#include "redsc_arithmetic.h"
#include "redsc_conv_rows.h"

/* The taps first ... end - 1 of a window axis lie inside the image; tap 0 lies at `origin`. */
typedef struct {
  int origin, first, end;
} redsc_taps;

static redsc_taps redsc_taps_inside(int origin, int dilation, int kernel, int size) {
  redsc_taps taps;
  taps.origin = origin;
  taps.first = origin < 0 ? (dilation - 1 - origin) / dilation : 0;
  taps.end = origin < size ? (size - origin + dilation - 1) / dilation : 0;
  taps.end = taps.end < kernel ? taps.end : kernel;
  return taps;
}

/* Whether window positions along an axis fit into an int, with room to add a dilation. */
static int redsc_is_axis_countable(int steps, int32_t stride) {
  return (int64_t)steps * stride <= REDSC_MAX_ELEMENTS;
}

redsc_status redsc_check_conv_2d(const redsc_options *options, const redsc_dims *x, const redsc_dims *weight,
                                 const redsc_dims *parameters, const redsc_dims *y) {
  if ((options->flags & REDSC_KEEP_NUM_DIMS) != 0) {
    return REDSC_BAD_OPTIONS;
  }
  if (x->rank != 4 || weight->rank != 4 || y->rank != 4 || redsc_elements(x) == 0 || redsc_elements(weight) == 0 ||
      redsc_elements(y) == 0) {
    return REDSC_BAD_SHAPES;
  }
  if (x->size[0] != y->size[0] || (uint32_t)x->size[3] != options->depth ||
      (uint32_t)weight->size[3] < options->row_depth || weight->size[0] != y->size[3]) {
    return REDSC_BAD_SHAPES;
  }
  if (!redsc_are_parameters_legal(options, parameters, y->size[3]) ||
      !redsc_is_axis_countable(y->size[1], options->stride_h) ||
      !redsc_is_axis_countable(y->size[2], options->stride_w)) {
    return REDSC_BAD_SHAPES;
  }
  if (options->element == REDSC_INT8) {
    const redsc_sizes sizes = {x->size, weight->size, y->size};
    return redsc_are_rows_legal(options, &sizes) ? REDSC_OK : REDSC_BAD_SHAPES;
  }
  return REDSC_OK;
}

static redsc_conv_rows redsc_conv_2d_rows(const redsc_options *options, const redsc_dims *x, const redsc_dims *weight,
                                          const redsc_dims *y) {
  const redsc_sizes sizes = {x->size, weight->size, y->size};
  return redsc_rows_of(options, &sizes);
}

uint32_t redsc_conv_2d_scratch_bytes(const redsc_options *options, const redsc_dims *x, const redsc_dims *weight,
                                     const redsc_dims *y) {
  const redsc_conv_rows rows = redsc_conv_2d_rows(options, x, weight, y);
  return redsc_rows_scratch_bytes(&rows);
}

void redsc_conv_2d_s8(const redsc_options *options, const redsc_dims *x_dims, const int8_t *x,
                      const redsc_dims *weight_dims, const int8_t *weight, const int32_t *parameters,
                      const redsc_dims *y_dims, int8_t *y, void *scratch) {
  redsc_conv_rows rows = redsc_conv_2d_rows(options, x_dims, weight_dims, y_dims);
  redsc_run_rows(&rows, weight, parameters, x, y, scratch);
}

static float redsc_window_sum_f32(const redsc_options *options, const redsc_dims *x_dims, const float *image,
                                  const redsc_dims *weight_dims, const float *filter, redsc_taps rows,
                                  redsc_taps columns) {
  float sum = 0.0f;
  int ky, kx;
  for (ky = rows.first; ky < rows.end; ++ky) {
    const float *line = image + (rows.origin + ky * options->dilation_h) * x_dims->size[2] * x_dims->size[3];
    for (kx = columns.first; kx < columns.end; ++kx) {
      const float *pixel = line + (columns.origin + kx * options->dilation_w) * x_dims->size[3];
      const float *tap = filter + (ky * weight_dims->size[2] + kx) * weight_dims->size[3];
      sum = redsc_row_sum_f32(options, pixel, tap, sum);
    }
  }
  return sum;
}

static redsc_taps redsc_rows_at(const redsc_options *options, const redsc_dims *x, const redsc_dims *weight,
                                int y) {
  const int origin = y * options->stride_h - options->pad_top;
  return redsc_taps_inside(origin, options->dilation_h, weight->size[1], x->size[1]);
}

static redsc_taps redsc_columns_at(const redsc_options *options, const redsc_dims *x, const redsc_dims *weight,
                                   int y) {
  const int origin = y * options->stride_w - options->pad_left;
  return redsc_taps_inside(origin, options->dilation_w, weight->size[2], x->size[2]);
}

void redsc_conv_2d_f32(const redsc_options *options, const redsc_dims *x_dims, const float *x,
                       const redsc_dims *weight_dims, const float *weight, const float *parameters,
                       const redsc_dims *y_dims, float *y) {
  const int channels = y_dims->size[3];
  const int image_size = x_dims->size[1] * x_dims->size[2] * x_dims->size[3];
  const int filter_size = weight_dims->size[1] * weight_dims->size[2] * weight_dims->size[3];
  int batch, row, column, channel;
  for (batch = 0; batch < y_dims->size[0]; ++batch) {
    const float *image = x + batch * image_size;
    for (row = 0; row < y_dims->size[1]; ++row) {
      const redsc_taps rows = redsc_rows_at(options, x_dims, weight_dims, row);
      for (column = 0; column < y_dims->size[2]; ++column) {
        const redsc_taps columns = redsc_columns_at(options, x_dims, weight_dims, column);
        for (channel = 0; channel < channels; ++channel) {
          const float sum = redsc_window_sum_f32(options, x_dims, image, weight_dims,
                                                 weight + channel * filter_size, rows, columns);
          *y++ = redsc_output_f32(options, sum + parameters[channel]);
        }
      }
    }
  }
}
