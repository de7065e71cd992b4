/*
 * redsc: float32 softmax and its logarithm, over the last axis; needs libm. This file carries no licence obligation.
 *
 * Row by row: reads a row and writes it in y, which is read and written again.
 */
#ifndef REDSC_SOFTMAX_F32_H
#define REDSC_SOFTMAX_F32_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Softmax of logits times beta; the logarithm has no beta. */
typedef struct {
  uint32_t rows, depth;
  float beta;
} redsc_softmax_params_f32;

void redsc_softmax_f32(const redsc_softmax_params_f32 *params, const float *x, float *y);
void redsc_log_softmax_f32(const redsc_softmax_params_f32 *params, const float *x, float *y);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_SOFTMAX_F32_H */
