/*
 * redsc: float SVDF layers, which keep products of the last inferences. This file carries no licence obligation.
 *
 * Computes what tensorflow/lite/micro/kernels/svdf_common.cc computes: EvalFloatSvdfReference.
 */
#include "redsc_svdf_f32.h"

#include <string.h>

static float redsc_svdf_dot(const float *a, const float *b, uint32_t count) {
  float sum = 0.0f;
  uint32_t i;
  for (i = 0; i < count; ++i) {
    sum += a[i] * b[i];
  }
  return sum;
}

void redsc_svdf_f32(const redsc_svdf_params_f32 *params, const float *x, const float *feature, const float *time,
                    const float *bias, float *state, float *y) {
  uint32_t batch, unit, i;
  for (batch = 0; batch < params->batches; ++batch) {
    for (unit = 0; unit < params->units; ++unit) {
      float sum = bias[unit];
      for (i = 0; i < params->rank; ++i) {
        const uint32_t filter = unit * params->rank + i;
        memmove(state, state + 1, (params->memory - 1) * sizeof(*state));
        state[params->memory - 1] = redsc_svdf_dot(feature + filter * params->depth, x, params->depth);
        sum += redsc_svdf_dot(time + filter * params->memory, state, params->memory);
        state += params->memory;
      }
      sum = sum < params->minimum ? params->minimum : sum;
      *y++ = sum > params->maximum ? params->maximum : sum;
    }
    x += params->depth;
  }
}
