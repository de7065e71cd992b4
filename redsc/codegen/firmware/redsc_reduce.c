/*
 * redsc: int8 reductions along any axes. This file carries no licence obligation.
 *
 * Follows tensorflow/lite/kernels/internal/reference/{reduce,arg_min_max}.h.
 */
#include "redsc_reduce.h"

#include "redsc_multiply.h"
#include "redsc_window_s8.h"

static inline int8_t redsc_mean_output_s8(const redsc_mean_params_s8 *params, int32_t sum) {
  const uint32_t shifted = (uint32_t)sum - (uint32_t)params->zero_sum;
  const uint32_t steps = (uint32_t)redsc_multiply(shifted, params->multiplier, params->shift);
  return (int8_t)redsc_clamp(redsc_signed(steps + (uint32_t)params->zero_point), -128, 127);
}

void redsc_mean_s8(const redsc_mean_params_s8 *params, const int8_t *x, int8_t *y) {
  const redsc_reduction *r = &params->reduction;
  const uint32_t channel_step = r->channel_step, channels = r->channels;
  uint32_t pixel, channel, lane;
  int32_t sums[4];
  for (pixel = 0; pixel < r->pixels; ++pixel) {
    channel = 0;
    for (; channel_step == 1 && channel + 4 <= channels; channel += 4) {
      redsc_window_sums_s8(&r->window, x + channel, sums);
      for (lane = 0; lane < 4; ++lane) {
        *y++ = redsc_mean_output_s8(params, sums[lane]);
      }
    }
    for (; channel < channels; ++channel) {
      *y++ = redsc_mean_output_s8(params, redsc_window_sum_s8(&r->window, x + channel * channel_step));
    }
    x += r->pixel_step;
  }
}

void redsc_reduce_max_s8(const redsc_reduce_max_params_s8 *params, const int8_t *x, int8_t *y) {
  const redsc_reduction *r = &params->reduction;
  const uint32_t channel_step = r->channel_step, channels = r->channels;
  const int32_t flip = params->flip;
  uint32_t pixel, channel;
  for (pixel = 0; pixel < r->pixels; ++pixel) {
    channel = 0;
    for (; channel_step == 1 && channel + 4 <= channels; channel += 4) {
      redsc_store_lanes(y, redsc_window_max_lanes(&r->window, x + channel, flip) ^ (uint32_t)flip);
      y += 4;
    }
    for (; channel < channels; ++channel) {
      *y++ = (int8_t)(redsc_window_max_s8(&r->window, x + channel * channel_step, flip) ^ flip);
    }
    x += r->pixel_step;
  }
}

void redsc_arg_max_s8(const redsc_arg_max_params_s8 *params, const int8_t *x, int32_t *y) {
  const int32_t flip = params->flip;
  uint32_t outer, inner, i;
  for (outer = 0; outer < params->outer; ++outer) {
    for (inner = 0; inner < params->inner; ++inner) {
      const int8_t *at = x + inner;
      int32_t best = *at ^ flip;
      uint32_t place = 0;
      for (i = 1; i < params->size; ++i) {
        at += params->inner;
        if ((*at ^ flip) > best) {
          best = *at ^ flip;
          place = i;
        }
      }
      *y++ = (int32_t)place;
    }
    x += params->size * params->inner;
  }
}
