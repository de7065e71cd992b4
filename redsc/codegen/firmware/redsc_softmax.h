/*
 * redsc: int8 softmax and its logarithm, over the last axis. This file carries no licence obligation.
 *
 * Row by row: reads a row twice, and a third time element by element before it writes that of y.
 */
#ifndef REDSC_SOFTMAX_H
#define REDSC_SOFTMAX_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Differences to a row's maximum times multiplier * 2^(shift - 31) are logits with 26 bits behind the point; those
 * below least_difference count for nothing.
 */
typedef struct {
  uint32_t rows, depth;
  int32_t multiplier, least_difference;
  uint8_t shift;
} redsc_softmax_params_s8;

/* y has scale 1/256 and zero point -128, or 1/65536 and -32768. */
void redsc_softmax_s8(const redsc_softmax_params_s8 *params, const int8_t *x, int8_t *y);
void redsc_softmax_s16(const redsc_softmax_params_s8 *params, const int8_t *x, int16_t *y);

/* What is less than the logarithm holds is found with divisor * 2^(-31 - divisor_shift). y has scale 1/16 and zero
   point 127. */
typedef struct {
  redsc_softmax_params_s8 logits;
  int32_t divisor;
  uint8_t divisor_shift;
} redsc_log_softmax_params_s8;

void redsc_log_softmax_s8(const redsc_log_softmax_params_s8 *params, const int8_t *x, int8_t *y);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_SOFTMAX_H */
