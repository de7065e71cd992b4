/*
 * redsc: int8 functions of one operand, by table. This file carries no licence obligation.
 */
#include "redsc_lookup.h"

void redsc_lookup_s8(const redsc_lookup_params *params, const int8_t *x, int8_t *y) {
  const int8_t *middle = params->table + 128, *end = x + params->count, *last_four = end - params->count % 4;
  for (; x != last_four; x += 4, y += 4) {
    const int8_t a = middle[x[0]], b = middle[x[1]], c = middle[x[2]], d = middle[x[3]];
    y[0] = a;
    y[1] = b;
    y[2] = c;
    y[3] = d;
  }
  while (x != end) {
    *y++ = middle[*x++];
  }
}
