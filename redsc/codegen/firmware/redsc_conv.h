/*
 * redsc: the int8 convolution and dense kernel of the C engine. This file carries no licence obligation.
 *
 * A dense layer is the same kernel: a 1x1 convolution whose pixels are the rows of x. A dense layer over a flattened
 * image of which a level keeps fewer channels is a convolution of one pixel, its kernel the image, taps apart.
 *
 * Results equal those of TFLite's reference kernels (tensorflow/lite/kernels/internal/reference/integer_ops/conv.h
 * and fully_connected.h) bit for bit. The parameters are the code generator's and are not checked.
 */
#ifndef REDSC_CONV_H
#define REDSC_CONV_H

#include "redsc_rescale.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * How two weight rows (output channels 2i and 2i + 1) lie in a packed row: two bytes per element k, little-endian,
 * in groups of four elements in the order 0, 2, 1, 3 (the order in which SXTB16 widens the bytes of a word). A group
 * is 8 bytes, a last one may be part zeros. An odd last row has any partner; nothing of it is kept. Rows that are not
 * packed: redsc_conv_rows.h.
 */
enum {
  REDSC_SUMS = 0,  /* int16 256 * odd row + even row; |sum of the odd row * (x - zero point)| < 2^23 on every input */
  REDSC_BYTES = 1  /* int8 of the even row, then int8 of the odd row */
};

/*
 * A packed row holds, for each kernel row, the elements [kernel_width][input channels], padded to whole groups; with
 * taps_apart each tap is padded to whole groups. A level with fewer input channels than the weights were stored for
 * reads the first groups of every tap: elements behind its last channel meet zeros, whatever the weights there are.
 * With dilation_w > 1 either taps_apart is 1 or input_channels a multiple of 4.
 */
typedef struct {
  int16_t input_height, input_width, input_channels;
  int16_t output_height, output_width, output_channels;
  int16_t batches, kernel_height, kernel_width, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left;
  int16_t input_zero_point, output_zero_point, minimum, maximum;
  uint8_t form;           /* REDSC_SUMS or REDSC_BYTES */
  uint8_t rescale;        /* REDSC_SHIFTS_RIGHT (fast) or REDSC_SHIFTS_ANY */
  uint8_t pixels;         /* read together: 4 (fast), 1, or 0: no scratch; see below */
  uint8_t taps_apart;
  uint16_t segments;      /* stretches of a packed row that are read, all of one length: 1, or one per tap */
  uint32_t segment_bytes; /* of a stretch: 8 per group */
  uint32_t skip_bytes;    /* from its end to the next stretch */
  uint32_t pair_bytes;    /* from one packed row to the next */
  const int8_t *weight;   /* 4-byte aligned */
  const redsc_channel_pair *channels; /* (output_channels + 1) / 2 */
  uint16_t block_channels; /* even: so many channels of all pixels, then the next; 0: all channels of a pixel */
} redsc_conv;

/*
 * The scratch holds the windows of the pixels that are read together, widened to int16: segments * segment_bytes *
 * pixels bytes, 4-byte aligned. x needs no alignment.
 *
 * Order: the pixels of y one after the other. With `pixels` 4 or 1 the windows of so many pixels (fewer at the end)
 * are read before the first of these pixels is written, and not again. With `pixels` 0 a window is read where it lies,
 * once for each pair of rows: channels 2i and 2i + 1 of a pixel are written before its next pair of rows reads the
 * window again. That is for windows that lie in x one after the other without a border (1x1 with stride 1, dense
 * layers); with more than one segment input_channels is then a multiple of 4.
 * With block_channels all this is done for a block of channels, and again for the next one: x is read once per block,
 * so y must lie apart from x. It is for weights that do not fit into the cache before the flash, when a block does.
 * The order is the same in every build. A function per form: they are one, but for the tiles that they link.
 */
void redsc_conv_sums_s8(const redsc_conv *conv, const int8_t *x, int8_t *y, void *scratch);
void redsc_conv_bytes_s8(const redsc_conv *conv, const int8_t *x, int8_t *y, void *scratch);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_CONV_H */
