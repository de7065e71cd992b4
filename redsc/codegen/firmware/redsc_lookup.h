/*
 * redsc: int8 functions of one operand, by table. This file carries no licence obligation.
 *
 * Every element of x is read before that of y is written, in order: y may be x.
 */
#ifndef REDSC_LOOKUP_H
#define REDSC_LOOKUP_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* table[128 + x] is the function's value: its 256 values in the order of x. */
typedef struct {
  uint32_t count;
  const int8_t *table;
} redsc_lookup_params;

void redsc_lookup_s8(const redsc_lookup_params *params, const int8_t *x, int8_t *y);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_LOOKUP_H */
