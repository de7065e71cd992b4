/*
 * redsc: transposed convolution. This file carries no licence obligation.
 */
#ifndef REDSC_TRANSPOSE_CONV_H
#define REDSC_TRANSPOSE_CONV_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of an output channel in int8: a sum, the bias included, counts multiplier * 2^(shift - 31) steps of y. */
typedef struct {
  int32_t bias, multiplier, shift;
} redsc_transpose_conv_channel;

/*
 * Input pixel (i, j) adds to the outputs from (i * stride_h - pad_top, j * stride_w - pad_left) on.
 * The weights may be a part of a larger array. Strides count elements: from an output channel's weights to the next
 * one's, from a kernel row to the next one, and from a tap to the next one.
 */
typedef struct {
  int32_t batches, input_height, input_width, input_channels, output_height, output_width, output_channels;
  int32_t kernel_height, kernel_width, stride_h, stride_w, pad_top, pad_left;
  int32_t channel_stride, line_stride, tap_stride;
  const void *weight;                           /* int8_t or float */
  const redsc_transpose_conv_channel *channels; /* int8 */
  int32_t input_zero_point, output_zero_point, minimum_s8, maximum_s8;
  const float *bias; /* float32; NULL where there is none */
  float minimum_f32, maximum_f32;
} redsc_transpose_conv_params;

/* Pixel by pixel of y: each gathers the taps that reach it, without a working buffer. x and y must not overlap. */
void redsc_transpose_conv_s8(const redsc_transpose_conv_params *params, const int8_t *x, int8_t *y);
void redsc_transpose_conv_f32(const redsc_transpose_conv_params *params, const float *x, float *y);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_TRANSPOSE_CONV_H */
