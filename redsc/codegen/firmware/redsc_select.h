/*
 * redsc: the choice between two operands, element by element. This file carries no licence obligation.
 *
 * Every element is read before that of y is written, in order: y may be an operand that has as many elements.
 */
#ifndef REDSC_SELECT_H
#define REDSC_SELECT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An operand goes on by 1 element from one of y to the next, or by 0 where it has one only. */
typedef struct {
  uint32_t count;
  uint8_t condition_step, a_step, b_step;
} redsc_select_params;

/* y is a where the condition is not 0, else b: of elements of 8 and of 32 bits. */
void redsc_select_8(const redsc_select_params *params, const uint8_t *condition, const int8_t *a, const int8_t *b,
                    int8_t *y);
void redsc_select_32(const redsc_select_params *params, const uint8_t *condition, const float *a, const float *b,
                     float *y);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_SELECT_H */
