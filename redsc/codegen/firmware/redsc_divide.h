/*
 * redsc: int8 quotients, element by element. This file carries no licence obligation.
 *
 * Reads an element of both operands before it writes that of y, in the order of y: y may be an operand that has its
 * shape.
 */
#ifndef REDSC_DIVIDE_H
#define REDSC_DIVIDE_H

#include "redsc_rows.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A quotient times multiplier * 2^(shift - 31); of a division by 0 the limit of its sign. The shift is up to 23, and so
 * large that only dividends of 0 would be shifted by more than 31 to the right.
 */
typedef struct {
  redsc_rows rows;
  int32_t multiplier;
  int16_t a_zero_point, b_zero_point, y_zero_point;
  int8_t shift, minimum, maximum;
} redsc_div_params_s8;

void redsc_div_s8(const redsc_div_params_s8 *params, const int8_t *a, const int8_t *b, int8_t *y);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_DIVIDE_H */
