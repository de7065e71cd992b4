/*
 * redsc: int8 pooling. This file carries no licence obligation.
 *
 * Follows tensorflow/lite/kernels/internal/reference/integer_ops/pooling.h.
 */
#include "redsc_pool.h"

#include "redsc_window_s8.h"

static inline int8_t redsc_pool_output_s8(const redsc_pool_params_s8 *params, int32_t value) {
  const int32_t floored = value < params->minimum ? params->minimum : value;
  return (int8_t)(floored > params->maximum ? params->maximum : floored);
}

/* The mean, halves away from zero. */
static inline int8_t redsc_average_s8(const redsc_pool_params_s8 *params, int32_t sum, int32_t count) {
  const int32_t half = sum > 0 ? count / 2 : -(count / 2);
  return redsc_pool_output_s8(params, (sum + half) / count);
}

static void redsc_average_pixel_s8(const void *params, const redsc_window *window, const void *x, void *y) {
  const redsc_pool_params_s8 *p = (const redsc_pool_params_s8 *)params;
  const int32_t count = (int32_t)(window->rows * window->columns), channels = p->pool.channels;
  const int8_t *from = (const int8_t *)x;
  int8_t *to = (int8_t *)y;
  int32_t channel = 0, sums[4], lane;
  for (; channel + 4 <= channels; channel += 4) {
    redsc_window_sums_s8(window, from + channel, sums);
    for (lane = 0; lane < 4; ++lane) {
      to[channel + lane] = redsc_average_s8(p, sums[lane], count);
    }
  }
  for (; channel < channels; ++channel) {
    to[channel] = redsc_average_s8(p, redsc_window_sum_s8(window, from + channel), count);
  }
}

static void redsc_max_pixel_s8(const void *params, const redsc_window *window, const void *x, void *y) {
  const redsc_pool_params_s8 *p = (const redsc_pool_params_s8 *)params;
  const uint32_t minima = redsc_all_lanes(p->minimum), inverse = redsc_all_lanes(~p->maximum);
  const int32_t channels = p->pool.channels;
  const int8_t *from = (const int8_t *)x;
  int8_t *to = (int8_t *)y;
  int32_t channel = 0;
  for (; channel + 4 <= channels; channel += 4) {
    const uint32_t maxima = redsc_window_max_lanes(window, from + channel, 0);
    redsc_store_lanes(to + channel, ~redsc_larger_lanes(~redsc_larger_lanes(maxima, minima), inverse));
  }
  for (; channel < channels; ++channel) {
    to[channel] = redsc_pool_output_s8(p, redsc_window_max_s8(window, from + channel, 0));
  }
}

void redsc_average_pool_s8(const redsc_pool_params_s8 *params, const int8_t *x, int8_t *y) {
  redsc_each_pixel(&params->pool, redsc_average_pixel_s8, params, x, y, 1);
}

void redsc_max_pool_s8(const redsc_pool_params_s8 *params, const int8_t *x, int8_t *y) {
  redsc_each_pixel(&params->pool, redsc_max_pixel_s8, params, x, y, 1);
}
