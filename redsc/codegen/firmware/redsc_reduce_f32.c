/*
 * redsc: float32 reductions along any axes. This file carries no licence obligation.
 *
 * Follows tensorflow/lite/kernels/internal/reference/{reduce,arg_min_max}.h.
 */
#include "redsc_reduce_f32.h"

#include "redsc_window_f32.h"

void redsc_mean_f32(const redsc_mean_params_f32 *params, const float *x, float *y) {
  const redsc_reduction *r = &params->reduction;
  uint32_t pixel, channel;
  for (pixel = 0; pixel < r->pixels; ++pixel) {
    for (channel = 0; channel < r->channels; ++channel) {
      *y++ = redsc_window_sum_f32(&r->window, x + channel * r->channel_step) / params->divisor;
    }
    x += r->pixel_step;
  }
}

void redsc_reduce_max_f32(const redsc_reduce_max_params_f32 *params, const float *x, float *y) {
  const redsc_reduction *r = &params->reduction;
  uint32_t pixel, channel;
  for (pixel = 0; pixel < r->pixels; ++pixel) {
    for (channel = 0; channel < r->channels; ++channel) {
      *y++ = params->sign * redsc_window_max_f32(&r->window, x + channel * r->channel_step, params->sign);
    }
    x += r->pixel_step;
  }
}

/* Whether a number takes the place of the best one; one that is not a number never does, and always gives way. */
static inline int redsc_is_better(float value, float best) {
  return value > best || (best != best && value == value);
}

void redsc_arg_max_f32(const redsc_arg_max_params_f32 *params, const float *x, int32_t *y) {
  uint32_t outer, inner, i;
  for (outer = 0; outer < params->outer; ++outer) {
    for (inner = 0; inner < params->inner; ++inner) {
      const float *at = x + inner;
      float best = *at * params->sign;
      uint32_t place = 0;
      for (i = 1; i < params->size; ++i) {
        at += params->inner;
        if (redsc_is_better(*at * params->sign, best)) {
          best = *at * params->sign;
          place = i;
        }
      }
      *y++ = (int32_t)place;
    }
    x += params->size * params->inner;
  }
}
