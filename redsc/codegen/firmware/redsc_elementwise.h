/*
 * redsc: int8 arithmetic on two operands, element by element. This file carries no licence obligation.
 *
 * Every kernel reads an element of both operands before it writes that of y, in the order of y: y may be an operand
 * that has its shape.
 */
#ifndef REDSC_ELEMENTWISE_H
#define REDSC_ELEMENTWISE_H

#include "redsc_rows.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * int8 sum or difference. Of the two operands `a` has the larger scale: its real multiplier is 1/2 or -1/2, as
 * a_factor = +-2^19 says of steps that TFLite widens by 2^20; `b` is multiplied, and added b_sign times. Multipliers
 * are at least 2^30, shifts 0 ... 31 to the right. is_plain: both operands go on by 1 within a row, the limits are
 * those of int8, and the shift of the sum is 1 ... 23.
 */
typedef struct {
  redsc_rows rows;
  int32_t a_factor;
  uint32_t b_multiplier, multiplier;
  int16_t a_zero_point, b_zero_point, y_zero_point;
  int8_t b_sign, b_shift, shift, minimum, maximum;
  uint8_t is_plain;
} redsc_add_params_s8;

void redsc_add_s8(const redsc_add_params_s8 *params, const int8_t *a, const int8_t *b, int8_t *y);

/* int8 product; the shift is that of redsc_multiply. is_plain: as above, with a shift of -1 ... -23. */
typedef struct {
  redsc_rows rows;
  uint32_t multiplier;
  int16_t a_zero_point, b_zero_point, y_zero_point;
  int8_t shift, minimum, maximum;
  uint8_t is_plain;
} redsc_mul_params_s8;

void redsc_mul_s8(const redsc_mul_params_s8 *params, const int8_t *a, const int8_t *b, int8_t *y);

/*
 * int8 square of a difference. Of the two operands `a` has the larger scale: its real multiplier is 1/2 of steps that
 * TFLite widens by 2^7; that of `b` is at least 2^30, its shift 0 ... 31 to the right. The shift of the square is that
 * of redsc_multiply.
 */
typedef struct {
  redsc_rows rows;
  uint32_t b_multiplier;
  int32_t multiplier;
  int16_t a_zero_point, b_zero_point, y_zero_point;
  int8_t b_shift, shift;
} redsc_squared_difference_params_s8;

void redsc_squared_difference_s8(const redsc_squared_difference_params_s8 *params, const int8_t *a, const int8_t *b,
                                 int8_t *y);

/* a where it is positive, else a times b, the slope. Index 0 is for the positive; multipliers are at least 2^30. */
typedef struct {
  redsc_rows rows;
  uint32_t multiplier[2];
  int16_t a_zero_point, b_zero_point, y_zero_point;
  int8_t shift[2];
} redsc_prelu_params_s8;

void redsc_prelu_s8(const redsc_prelu_params_s8 *params, const int8_t *a, const int8_t *b, int8_t *y);

/* The larger one; of complements (flip = -1) and complemented again: the smaller one. */
typedef struct {
  redsc_rows rows;
  int8_t flip;
} redsc_maximum_params_s8;

void redsc_maximum_s8(const redsc_maximum_params_s8 *params, const int8_t *a, const int8_t *b, int8_t *y);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_ELEMENTWISE_H */
