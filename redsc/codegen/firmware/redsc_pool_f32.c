/*
 * redsc: float32 pooling. This file carries no licence obligation.
 *
 * Follows tensorflow/lite/kernels/internal/reference/pooling.h.
 */
#include "redsc_pool_f32.h"

#include "redsc_window_f32.h"

static inline float redsc_pool_output_f32(const redsc_pool_params_f32 *params, float value) {
  const float floored = value < params->minimum ? params->minimum : value;
  return floored > params->maximum ? params->maximum : floored;
}

static void redsc_average_pixel_f32(const void *params, const redsc_window *window, const void *x, void *y) {
  const redsc_pool_params_f32 *p = (const redsc_pool_params_f32 *)params;
  const float count = (float)(window->rows * window->columns);
  const float *from = (const float *)x;
  float *to = (float *)y;
  int32_t channel;
  for (channel = 0; channel < p->pool.channels; ++channel) {
    to[channel] = redsc_pool_output_f32(p, redsc_window_sum_f32(window, from + channel) / count);
  }
}

static void redsc_max_pixel_f32(const void *params, const redsc_window *window, const void *x, void *y) {
  const redsc_pool_params_f32 *p = (const redsc_pool_params_f32 *)params;
  const float *from = (const float *)x;
  float *to = (float *)y;
  int32_t channel;
  for (channel = 0; channel < p->pool.channels; ++channel) {
    to[channel] = redsc_pool_output_f32(p, redsc_window_max_f32(window, from + channel, 1.0f));
  }
}

void redsc_average_pool_f32(const redsc_pool_params_f32 *params, const float *x, float *y) {
  redsc_each_pixel(&params->pool, redsc_average_pixel_f32, params, x, y, (uint32_t)sizeof(float));
}

void redsc_max_pool_f32(const redsc_pool_params_f32 *params, const float *x, float *y) {
  redsc_each_pixel(&params->pool, redsc_max_pixel_f32, params, x, y, (uint32_t)sizeof(float));
}
