/*
 * redsc: float32 pooling. This file carries no licence obligation.
 *
 * Pixel by pixel, in the order of y; within a pixel channel by channel: reads a channel's window, then writes it.
 */
#ifndef REDSC_POOL_F32_H
#define REDSC_POOL_F32_H

#include "redsc_window.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The limits are those of a fused activation. */
typedef struct {
  redsc_pool pool;
  float minimum, maximum;
} redsc_pool_params_f32;

void redsc_average_pool_f32(const redsc_pool_params_f32 *params, const float *x, float *y);
void redsc_max_pool_f32(const redsc_pool_params_f32 *params, const float *x, float *y);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_POOL_F32_H */
