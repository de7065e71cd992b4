/*
 * redsc: from float32 to int16 and back, in the order of redsc_quantize.h. This file carries no licence obligation.
 */
#ifndef REDSC_QUANTIZE_S16_H
#define REDSC_QUANTIZE_S16_H

#include "redsc_quantize.h"

#ifdef __cplusplus
extern "C" {
#endif

void redsc_quantize_f32_s16(const redsc_quantize_params *params, const float *x, int16_t *y);
void redsc_dequantize_s16(const redsc_quantize_params *params, const int16_t *x, float *y);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_QUANTIZE_S16_H */
