/*
 * redsc: dense layer over a part of a shared weight array. This file carries no licence obligation.
 *
 * Follows tensorflow/lite/kernels/internal/reference/integer_ops/fully_connected.h and reference/fully_connected.h.
 */
#include "redsc_arithmetic.h"
#include "redsc_conv_rows.h"

static int redsc_is_plain(const redsc_options *options) {
  return options->stride_h == 1 && options->stride_w == 1 && options->dilation_h == 1 && options->dilation_w == 1 &&
         options->pad_top == 0 && options->pad_left == 0;
}

/* A dense layer as a 1x1 convolution whose pixels are the rows of x. */
typedef struct {
  int x[4], weight[4], y[4];
} redsc_dense;

static redsc_dense redsc_dense_of(const redsc_options *options, const redsc_dims *x, const redsc_dims *weight,
                                  const redsc_dims *y) {
  const int rows = (int)(redsc_elements(x) / options->depth);
  const redsc_dense dense = {{1, 1, rows, (int)options->depth},
                             {weight->size[0], 1, 1, weight->size[1]},
                             {1, 1, rows, y->size[y->rank - 1]}};
  return dense;
}

static redsc_conv_rows redsc_dense_rows(const redsc_options *options, const redsc_dense *dense) {
  const redsc_sizes sizes = {dense->x, dense->weight, dense->y};
  return redsc_rows_of(options, &sizes);
}

redsc_status redsc_check_fully_connected(const redsc_options *options, const redsc_dims *x,
                                         const redsc_dims *weight, const redsc_dims *parameters,
                                         const redsc_dims *y) {
  const uint32_t inputs = redsc_elements(x), outputs = redsc_elements(y);
  int channels;
  if (!redsc_is_plain(options)) {
    return REDSC_BAD_OPTIONS;
  }
  if (inputs == 0 || outputs == 0 || y->rank < 1 || weight->rank != 2 || redsc_elements(weight) == 0) {
    return REDSC_BAD_SHAPES;
  }
  channels = y->size[y->rank - 1];
  if (weight->size[0] != channels || (uint32_t)weight->size[1] < options->row_depth ||
      inputs % options->depth != 0 || inputs / options->depth != outputs / (uint32_t)channels) {
    return REDSC_BAD_SHAPES;
  }
  if (!redsc_are_parameters_legal(options, parameters, channels)) {
    return REDSC_BAD_SHAPES;
  }
  if (options->element == REDSC_INT8) {
    const redsc_dense dense = redsc_dense_of(options, x, weight, y);
    const redsc_sizes sizes = {dense.x, dense.weight, dense.y};
    return redsc_are_rows_legal(options, &sizes) ? REDSC_OK : REDSC_BAD_SHAPES;
  }
  return REDSC_OK;
}

uint32_t redsc_fully_connected_scratch_bytes(const redsc_options *options, const redsc_dims *x,
                                             const redsc_dims *weight, const redsc_dims *y) {
  const redsc_dense dense = redsc_dense_of(options, x, weight, y);
  const redsc_conv_rows rows = redsc_dense_rows(options, &dense);
  return redsc_rows_scratch_bytes(&rows);
}

void redsc_fully_connected_s8(const redsc_options *options, const redsc_dims *x_dims, const int8_t *x,
                              const redsc_dims *weight_dims, const int8_t *weight, const int32_t *parameters,
                              const redsc_dims *y_dims, int8_t *y, void *scratch) {
  const redsc_dense dense = redsc_dense_of(options, x_dims, weight_dims, y_dims);
  redsc_conv_rows rows = redsc_dense_rows(options, &dense);
  redsc_run_rows(&rows, weight, parameters, x, y, scratch);
}

void redsc_fully_connected_f32(const redsc_options *options, const redsc_dims *x_dims, const float *x,
                               const redsc_dims *weight_dims, const float *weight, const float *parameters,
                               const redsc_dims *y_dims, float *y) {
  const int channels = y_dims->size[y_dims->rank - 1];
  uint32_t rows = redsc_elements(x_dims) / options->depth;
  int channel;
  for (; rows > 0; --rows) {
    for (channel = 0; channel < channels; ++channel) {
      const float sum = redsc_row_sum_f32(options, x, weight + channel * weight_dims->size[1], 0.0f);
      *y++ = redsc_output_f32(options, sum + parameters[channel]);
    }
    x += options->depth;
  }
}
