/*
 * redsc: the choice between two operands, element by element. This file carries no licence obligation.
 */
#include "redsc_select.h"

#define REDSC_SELECT(bits, type)                                                                                   \
  void redsc_select_##bits(const redsc_select_params *params, const uint8_t *condition, const type *a,             \
                           const type *b, type *y) {                                                               \
    uint32_t i;                                                                                                    \
    for (i = 0; i < params->count; ++i) {                                                                          \
      const type chosen = *condition != 0 ? *a : *b;                                                               \
      y[i] = chosen;                                                                                               \
      condition += params->condition_step;                                                                         \
      a += params->a_step;                                                                                         \
      b += params->b_step;                                                                                         \
    }                                                                                                              \
  }

REDSC_SELECT(8, int8_t)
REDSC_SELECT(32, float)
