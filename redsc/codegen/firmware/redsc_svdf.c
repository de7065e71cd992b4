/*
 * redsc: int8 SVDF layers, which keep products of the last inferences. This file carries no licence obligation.
 *
 * Computes what tensorflow/lite/micro/kernels/svdf_common.cc computes: EvalIntegerSvdfReference.
 */
#include "redsc_svdf.h"

#include "redsc_rescale.h"

/* The sum of a filter's products with new features, in steps of the state, without its zero point. */
static int32_t redsc_svdf_product(const redsc_svdf_params_s8 *params, const int8_t *x, const int8_t *feature) {
  uint32_t sum = 0, i;
  for (i = 0; i < params->depth; ++i) {
    sum += (uint32_t)(feature[i] * (x[i] - params->x_zero_point));
  }
  return redsc_multiply(sum, params->multiplier, params->shift);
}

/*
 * Defines a kernel by the type of its state, and the limits of a product before the zero point is added: the sum of
 * both keeps the low bits, as a cast does.
 */
#define REDSC_SVDF(name, type, minimum, maximum)                                                                      \
  static uint32_t name##_filter(const redsc_svdf_params_s8 *params, const int8_t *x, const int8_t *feature,           \
                                const type *time, type *state) {                                                      \
    const int32_t product = redsc_clamp(redsc_svdf_product(params, x, feature), minimum, maximum);                    \
    uint32_t sum = 0, i;                                                                                              \
    memmove(state, state + 1, (params->memory - 1) * sizeof(*state));                                                 \
    state[params->memory - 1] = (type)(product + params->state_zero_point);                                           \
    for (i = 0; i < params->memory; ++i) {                                                                            \
      sum += (uint32_t)(time[i] * (state[i] - params->state_zero_point));                                             \
    }                                                                                                                 \
    return sum;                                                                                                       \
  }                                                                                                                   \
                                                                                                                      \
  void name(const redsc_svdf_params_s8 *params, const int8_t *x, const int8_t *feature, const type *time,             \
            const int32_t *bias, type *state, int8_t *y) {                                                            \
    uint32_t batch, unit, i;                                                                                          \
    for (batch = 0; batch < params->batches; ++batch) {                                                               \
      for (unit = 0; unit < params->units; ++unit) {                                                                  \
        uint32_t sum = (uint32_t)bias[unit];                                                                          \
        for (i = 0; i < params->rank; ++i) {                                                                          \
          const uint32_t filter = unit * params->rank + i;                                                            \
          sum += name##_filter(params, x, feature + filter * params->depth, time + filter * params->memory, state);   \
          state += params->memory;                                                                                    \
        }                                                                                                             \
        *y++ = (int8_t)redsc_saturate_s8(redsc_multiply(sum, params->y_multiplier, params->y_shift) +                 \
                                         params->y_zero_point);                                                       \
      }                                                                                                               \
      x += params->depth;                                                                                             \
    }                                                                                                                 \
  }

REDSC_SVDF(redsc_svdf_s8, int8_t, -128, 127)
REDSC_SVDF(redsc_svdf_s16, int16_t, -32768, 32767)
