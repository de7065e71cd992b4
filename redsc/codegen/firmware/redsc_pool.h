/*
 * redsc: int8 pooling. This file carries no licence obligation.
 *
 * Pixel by pixel, in the order of y; within a pixel the channels in order, each at the earliest after its window is
 * read: up to four channels are read together before the first of them is written.
 */
#ifndef REDSC_POOL_H
#define REDSC_POOL_H

#include "redsc_window.h"

#ifdef __cplusplus
extern "C" {
#endif

/* x and y have one scale; the limits are those of a fused activation. */
typedef struct {
  redsc_pool pool;
  int8_t minimum, maximum;
} redsc_pool_params_s8;

void redsc_average_pool_s8(const redsc_pool_params_s8 *params, const int8_t *x, int8_t *y);
void redsc_max_pool_s8(const redsc_pool_params_s8 *params, const int8_t *x, int8_t *y);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_POOL_H */
