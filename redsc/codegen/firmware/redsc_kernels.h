/*
 * redsc: int8 and float32 kernels for levels that share one weight array. This file carries no licence obligation.
 *
 * A level reads the first rows (output channels) and some elements of every row (input channels) of weights that
 * are stored once, in full. Which elements: the runs in the layer's options. Everything else is as in TFLite: int8
 * results equal those of its reference kernels on a dense copy of the level's weights, bit for bit.
 *
 * How to call: redsc_read_options, then the check of the op, once per layer; both say what is wrong. A kernel
 * trusts what they accepted: it touches no byte outside its tensors, whatever the numbers in the tensors are.
 * No heap, no global state.
 */
#ifndef REDSC_KERNELS_H
#define REDSC_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { REDSC_OK = 0, REDSC_BAD_OPTIONS = 1, REDSC_BAD_SHAPES = 2 } redsc_status;

typedef enum { REDSC_FLOAT32 = 0, REDSC_INT8 = 1 } redsc_element;

/* The flags in the options. */
enum { REDSC_HAS_BIAS = 1, REDSC_KEEP_NUM_DIMS = 2 };

/* A shape. TFLM's TfLiteIntArray holds the same: no copy is needed. */
typedef struct {
  int rank;
  const int *size;
} redsc_dims;

/* Elements start + n * stride ... start + n * stride + length - 1 of a weight row, for n in 0 ... count - 1. */
typedef struct {
  uint32_t start, length, count, stride;
} redsc_run;

/*
 * The custom options of a layer: little-endian bytes, version 1.
 *    0 u8 version           1 u8 element type       2 u8 padding (0 SAME, 1 VALID)   3 u8 activation (as TFLite's)
 *    4 u8 flags             5 three zero bytes
 *    8 u16 stride_h        10 u16 stride_w         12 u16 dilation_h        14 u16 dilation_w
 *   16 u16 pad_top         18 u16 pad_left         20 i32 input zero point  24 i32 output zero point
 *   28 clamp minimum       32 clamp maximum (i32, or the bits of a float32)
 *   36 u32 run count R     40 R runs: u32 start, u32 length, u32 count, u32 stride
 * Padding and activation are for readers of the file: the kernels use the pads and the clamp.
 */
typedef struct {
  redsc_element element;
  uint32_t flags;
  int32_t stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left;
  int32_t input_zero_point, output_zero_point;
  int32_t minimum_s8, maximum_s8;   /* int8 layers */
  float minimum_f32, maximum_f32;   /* float32 layers */
  uint32_t run_count;
  redsc_run first_run;              /* decoded: most layers have no other */
  const uint8_t *runs;              /* all runs, as they lie in the options */
  uint32_t depth;                   /* elements that the runs take of a row: the layer's input depth */
  uint32_t row_depth;               /* the least depth of a row that holds all runs */
} redsc_options;

/* Decodes options and checks all that needs no shapes. `options` keeps a pointer into `data`. */
redsc_status redsc_read_options(const void *data, size_t bytes, redsc_options *options);

/* The run with this index; the index must be below run_count. */
redsc_run redsc_run_at(const redsc_options *options, uint32_t index);

/*
 * Check the shapes against the options and one another: for a convolution x [N, H, W, C], weight [O, KH, KW, D],
 * y [N, OH, OW, O]; for a dense layer x [rows..., C], weight [O, D], y [rows..., O], where x may have other
 * dimensions as long as the elements make whole rows of C. Parameters are [3, O] in int8 and [1, O] in float32.
 */
redsc_status redsc_check_conv_2d(const redsc_options *options, const redsc_dims *x, const redsc_dims *weight,
                                 const redsc_dims *parameters, const redsc_dims *y);
redsc_status redsc_check_fully_connected(const redsc_options *options, const redsc_dims *x,
                                         const redsc_dims *weight, const redsc_dims *parameters,
                                         const redsc_dims *y);

/* The bytes of scratch that an int8 kernel needs, for shapes that a check accepted; often 0. */
uint32_t redsc_conv_2d_scratch_bytes(const redsc_options *options, const redsc_dims *x, const redsc_dims *weight,
                                     const redsc_dims *y);
uint32_t redsc_fully_connected_scratch_bytes(const redsc_options *options, const redsc_dims *x,
                                             const redsc_dims *weight, const redsc_dims *y);

/*
 * The kernels. Parameters in int8: a row of biases, one of multipliers, one of shifts, where a sum counts
 * multiplier * 2^(shift - 31) steps of y (TFLite's QuantizeMultiplier). In float32: a row of biases.
 * scratch: 4-byte aligned. x and y must not overlap but in the order of redsc_conv_rows.h.
 */
void redsc_conv_2d_s8(const redsc_options *options, const redsc_dims *x_dims, const int8_t *x,
                      const redsc_dims *weight_dims, const int8_t *weight, const int32_t *parameters,
                      const redsc_dims *y_dims, int8_t *y, void *scratch);
void redsc_conv_2d_f32(const redsc_options *options, const redsc_dims *x_dims, const float *x,
                       const redsc_dims *weight_dims, const float *weight, const float *parameters,
                       const redsc_dims *y_dims, float *y);
void redsc_fully_connected_s8(const redsc_options *options, const redsc_dims *x_dims, const int8_t *x,
                              const redsc_dims *weight_dims, const int8_t *weight, const int32_t *parameters,
                              const redsc_dims *y_dims, int8_t *y, void *scratch);
void redsc_fully_connected_f32(const redsc_options *options, const redsc_dims *x_dims, const float *x,
                               const redsc_dims *weight_dims, const float *weight, const float *parameters,
                               const redsc_dims *y_dims, float *y);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_KERNELS_H */
