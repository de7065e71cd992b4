/*
 * redsc: depthwise convolutions of int8. This file carries no licence obligation.
 *
 * Results equal those of tensorflow/lite/kernels/internal/reference/integer_ops/depthwise_conv.h, bit for bit.
 * Kernels get parameters from redsc's generator and check nothing. They touch no byte outside their tensors.
 */
#ifndef REDSC_DEPTHWISE_H
#define REDSC_DEPTHWISE_H

#include "redsc_rescale.h"

#ifdef __cplusplus
extern "C" {
#endif

/* x is [batches, input_height, input_width, input_channels], y [batches, output_height, output_width,
   input_channels * multiplier]. */
typedef struct {
  int16_t batches, input_height, input_width, input_channels;
  int16_t output_height, output_width, multiplier;
  int16_t kernel_height, kernel_width, stride_h, stride_w, dilation_h, dilation_w;
  int16_t pad_top, pad_left;
  int16_t input_zero_point, output_zero_point, minimum, maximum;
  uint8_t shifts;     /* REDSC_SHIFTS_... */
  uint8_t is_swapped; /* planar: the strips run along the columns of the image */
  int16_t strip_rows; /* planar: output rows (swapped: columns) per strip */
  int32_t weight_stride; /* direct: bytes from one tap's weights to the next one's */
  const int8_t *weight;
  const redsc_channel_pair *channels;
} redsc_depthwise;

/*
 * For kernels of 3x3, equal strides of 1 or 2, dilation 1, multiplier 1, and pads of 0 or 1 before the image.
 *
 * Four channels at a time, strip by strip: it reads all that a strip of the result depends on, as far as an earlier
 * strip has not read it, and then writes the strip. So y may begin exactly where x begins (nowhere else over x)
 * if the strips run along the rows; if they run along the columns, x and y must also have the same size, or one
 * strip be the whole image.
 *
 * Weights: per channel three lines of three taps; one byte more, which does not count, lies behind those of the last
 * channel. A line runs along the strip: it is a row of the kernel, a column of it if swapped.
 * Scratch, 16-byte aligned: 16 * lines * words bytes, where lines = (strip_rows - 1) * stride + 3, and words =
 * (length + 1) / 2 * stride + 1, where length is that of the result along the strip.
 */
void redsc_depthwise_planar_s8(const redsc_depthwise *layer, const int8_t *x, int8_t *y, void *scratch);

/*
 * For all others. Pixel by pixel and in a pixel channel by channel: reads a channel's whole window before it writes
 * the result. Neighbouring channels may be one step: all their windows are then read before one result is written,
 * so that y may lie over x as far as it may with single channels.
 *
 * Weights: taps in the order of the kernel's rows, with a byte per output channel.
 */
void redsc_depthwise_direct_s8(const redsc_depthwise *layer, const int8_t *x, int8_t *y);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_DEPTHWISE_H */
