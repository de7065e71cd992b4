/*
 * redsc: comparisons of two int8 operands, element by element. This file carries no licence obligation.
 *
 * Every kernel reads an element of both operands before it writes that of y, in the order of y: y may be an operand
 * that has its shape. Elements of y are 1 where the claim is true, else 0.
 */
#ifndef REDSC_COMPARE_H
#define REDSC_COMPARE_H

#include "redsc_rows.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What is compared: 256 times an element less its zero point, times multiplier * 2^(shift - 31). Index 0 is for a. */
typedef struct {
  redsc_rows rows;
  int32_t multiplier[2];
  int16_t a_zero_point, b_zero_point;
  int8_t shift[2];
} redsc_compare_params_s8;

void redsc_greater_s8(const redsc_compare_params_s8 *params, const int8_t *a, const int8_t *b, uint8_t *y);
void redsc_greater_equal_s8(const redsc_compare_params_s8 *params, const int8_t *a, const int8_t *b, uint8_t *y);
void redsc_equal_s8(const redsc_compare_params_s8 *params, const int8_t *a, const int8_t *b, uint8_t *y);
void redsc_not_equal_s8(const redsc_compare_params_s8 *params, const int8_t *a, const int8_t *b, uint8_t *y);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_COMPARE_H */
