/*
 * redsc: convolutions and dense layers of float32. This file carries no licence obligation.
 */
#ifndef REDSC_LINEAR_F32_H
#define REDSC_LINEAR_F32_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A convolution; a dense layer is one whose window is the whole image. Output channel c reads `depth` channels of x
 * from c / group_outputs * depth on: all of them, those of a group, or one in a depthwise layer.
 *
 * The weights may be a part of a larger array. Strides count elements: from an output channel's weights to the next
 * one's, from a kernel row to the next one, and from a tap to the next one.
 * bias: NULL where there is none.
 */
typedef struct {
  int32_t batches, input_height, input_width, input_channels, output_height, output_width, output_channels;
  int32_t kernel_height, kernel_width, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left;
  int32_t depth, group_outputs, channel_stride, line_stride, tap_stride;
  float minimum, maximum;
  const float *weight, *bias;
} redsc_linear_f32_params;

/* Pixel by pixel and channel by channel: an output is written when its window has been read; up to four channels of
   a pixel are read before any of them is written. */
void redsc_linear_f32(const redsc_linear_f32_params *params, const float *x, float *y);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_LINEAR_F32_H */
