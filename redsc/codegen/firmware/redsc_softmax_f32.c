/*
 * redsc: float32 softmax and its logarithm, over the last axis; needs libm. This file carries no licence obligation.
 *
 * Follows tensorflow/lite/kernels/internal/reference/{softmax,log_softmax}.h.
 */
#include "redsc_softmax_f32.h"

#include <float.h>
#include <math.h>

static float redsc_row_maximum(const float *x, uint32_t depth) {
  float maximum = -FLT_MAX;
  uint32_t i;
  for (i = 0; i < depth; ++i) {
    maximum = x[i] > maximum ? x[i] : maximum;
  }
  return maximum;
}

void redsc_softmax_f32(const redsc_softmax_params_f32 *params, const float *x, float *y) {
  uint32_t row, i;
  for (row = 0; row < params->rows; ++row) {
    const float maximum = redsc_row_maximum(x, params->depth);
    float sum = 0.0f;
    for (i = 0; i < params->depth; ++i) {
      y[i] = expf((x[i] - maximum) * params->beta);
      sum += y[i];
    }
    for (i = 0; i < params->depth; ++i) {
      y[i] /= sum;
    }
    x += params->depth;
    y += params->depth;
  }
}

void redsc_log_softmax_f32(const redsc_softmax_params_f32 *params, const float *x, float *y) {
  uint32_t row, i;
  for (row = 0; row < params->rows; ++row) {
    const float maximum = redsc_row_maximum(x, params->depth);
    float sum = 0.0f, logarithm;
    for (i = 0; i < params->depth; ++i) {
      sum += expf(x[i] - maximum);
    }
    logarithm = logf(sum);
    for (i = 0; i < params->depth; ++i) {
      y[i] = x[i] - maximum - logarithm;
    }
    x += params->depth;
    y += params->depth;
  }
}
