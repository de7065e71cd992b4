/*
 * redsc: the arithmetic that the kernels share; not for other users. This file carries no licence obligation.
 *
 * Sums are unsigned: they wrap as a 32-bit register does, which is what TFLite's reference kernels rely on, and
 * hostile parameters cause no undefined behaviour.
 */
#ifndef REDSC_ARITHMETIC_H
#define REDSC_ARITHMETIC_H

#include "redsc_kernels.h"
#include "redsc_multiply.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The number of elements, or 0 where a dimension is below 1 or the tensor is absurdly large. Up to 2^28 elements:
   byte counts and positions in padded images then fit into an int. */
enum { REDSC_MAX_ELEMENTS = 1 << 28 };
uint32_t redsc_elements(const redsc_dims *dims);

/* Whether parameters have the rows that the element type asks for, and a column per output channel. */
int redsc_are_parameters_legal(const redsc_options *options, const redsc_dims *parameters, int channels);

/* sum of (x[i] + offset) * w[i] */
uint32_t redsc_dot_s8(const int8_t *x, const int8_t *w, uint32_t count, int32_t offset);

/* The part of a sum that one weight row adds: the dense `x` meets the elements that the runs take of the row. */
uint32_t redsc_runs_sum_s8(const redsc_options *options, const int8_t *x, const int8_t *row);

/* The same. Most layers take one stretch of a row, and a convolution asks once per tap: a short way for those. */
static inline uint32_t redsc_row_sum_s8(const redsc_options *options, const int8_t *x, const int8_t *row) {
  if (options->run_count == 1 && options->first_run.count == 1) {
    return redsc_dot_s8(x, row + options->first_run.start, options->depth, -options->input_zero_point);
  }
  return redsc_runs_sum_s8(options, x, row);
}

/* The sum of a float32 row, added to `sum` element by element in the order of TFLite's reference kernels. */
float redsc_row_sum_f32(const redsc_options *options, const float *x, const float *row, float sum);

/* One int8 output. */
static inline int8_t redsc_output_s8(const redsc_options *options, uint32_t sum, int32_t multiplier,
                                     int32_t shift) {
  const uint32_t steps = (uint32_t)redsc_multiply(sum, multiplier, shift);
  const int32_t value = redsc_signed(steps + (uint32_t)options->output_zero_point);
  const int32_t floored = value < options->minimum_s8 ? options->minimum_s8 : value;
  return (int8_t)(floored > options->maximum_s8 ? options->maximum_s8 : floored);
}

/* One float32 output. */
static inline float redsc_output_f32(const redsc_options *options, float sum) {
  const float floored = sum < options->minimum_f32 ? options->minimum_f32 : sum;
  return floored > options->maximum_f32 ? options->maximum_f32 : floored;
}

#ifdef __cplusplus
}
#endif

#endif /* REDSC_ARITHMETIC_H */
