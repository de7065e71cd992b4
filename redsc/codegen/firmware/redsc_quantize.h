/*
 * redsc: from float32 to int8 and back. This file carries no licence obligation.
 *
 * Every element of x is read before that of y is written, in order: int8 results may begin where their operand does.
 */
#ifndef REDSC_QUANTIZE_H
#define REDSC_QUANTIZE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  uint32_t count;
  float scale;
  int32_t zero_point;
} redsc_quantize_params;

void redsc_quantize_f32(const redsc_quantize_params *params, const float *x, int8_t *y);
void redsc_dequantize_s8(const redsc_quantize_params *params, const int8_t *x, float *y);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_QUANTIZE_H */
