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

/* The sum of a float32 row, added to `sum` element by element in the order of TFLite's reference kernels. */
float redsc_row_sum_f32(const redsc_options *options, const float *x, const float *row, float sum);

/* One float32 output. */
static inline float redsc_output_f32(const redsc_options *options, float sum) {
  const float floored = sum < options->minimum_f32 ? options->minimum_f32 : sum;
  return floored > options->maximum_f32 ? options->maximum_f32 : floored;
}

#ifdef __cplusplus
}
#endif

#endif /* REDSC_ARITHMETIC_H */
