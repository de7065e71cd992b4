/*
 * redsc: integers of one scale in another, of another width. This file carries no licence obligation.
 *
 * Every element of x is read before that of y is written, in order: narrower results may begin where their operand does.
 */
#ifndef REDSC_REQUANTIZE_H
#define REDSC_REQUANTIZE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* (x - x_zero_point) * multiplier * 2^(shift - 31) + y_zero_point, saturated. */
typedef struct {
  uint32_t count;
  int32_t multiplier, shift, x_zero_point, y_zero_point;
} redsc_requantize_params;

void redsc_requantize_s8_s16(const redsc_requantize_params *params, const int8_t *x, int16_t *y);
void redsc_requantize_s16_s8(const redsc_requantize_params *params, const int16_t *x, int8_t *y);
void redsc_requantize_s16_s16(const redsc_requantize_params *params, const int16_t *x, int16_t *y);
void redsc_requantize_s16_s32(const redsc_requantize_params *params, const int16_t *x, int32_t *y);
void redsc_requantize_s32_s8(const redsc_requantize_params *params, const int32_t *x, int8_t *y);
void redsc_requantize_s32_s16(const redsc_requantize_params *params, const int32_t *x, int16_t *y);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_REQUANTIZE_H */
