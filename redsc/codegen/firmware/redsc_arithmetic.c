/*
 * redsc: the inner loop of the float32 kernels over shared weights. This file carries no licence obligation.
 */
#include "redsc_arithmetic.h"

float redsc_row_sum_f32(const redsc_options *options, const float *x, const float *row, float sum) {
  uint32_t i, n, k;
  for (i = 0; i < options->run_count; ++i) {
    const redsc_run run = i == 0 ? options->first_run : redsc_run_at(options, i);
    for (n = 0; n < run.count; ++n) {
      const float *w = row + run.start + n * run.stride;
      for (k = 0; k < run.length; ++k) {
        sum += *x++ * w[k];
      }
    }
  }
  return sum;
}
