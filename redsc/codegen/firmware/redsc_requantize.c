/*
 * redsc: integers of one scale in another, of another width. This file carries no licence obligation.
 *
 * Follows tensorflow/lite/kernels/internal/reference/requantize.h.
 */
#include "redsc_requantize.h"

#include "redsc_multiply.h"

static int32_t redsc_requantized(const redsc_requantize_params *params, int32_t x, int32_t minimum, int32_t maximum) {
  const uint32_t steps = (uint32_t)x - (uint32_t)params->x_zero_point;
  const uint32_t scaled = (uint32_t)redsc_multiply(steps, params->multiplier, params->shift);
  return redsc_clamp(redsc_signed(scaled + (uint32_t)params->y_zero_point), minimum, maximum);
}

/* Defines a kernel by both types, and the limits of its results. */
#define REDSC_REQUANTIZE(name, from, to, minimum, maximum)                            \
  void name(const redsc_requantize_params *params, const from *x, to *y) {            \
    uint32_t i;                                                                       \
    for (i = 0; i < params->count; ++i) {                                             \
      y[i] = (to)redsc_requantized(params, x[i], minimum, maximum);                   \
    }                                                                                 \
  }

REDSC_REQUANTIZE(redsc_requantize_s8_s16, int8_t, int16_t, -32768, 32767)
REDSC_REQUANTIZE(redsc_requantize_s16_s8, int16_t, int8_t, -128, 127)
REDSC_REQUANTIZE(redsc_requantize_s16_s16, int16_t, int16_t, -32768, 32767)
REDSC_REQUANTIZE(redsc_requantize_s16_s32, int16_t, int32_t, INT32_MIN, INT32_MAX)
REDSC_REQUANTIZE(redsc_requantize_s32_s8, int32_t, int8_t, -128, 127)
REDSC_REQUANTIZE(redsc_requantize_s32_s16, int32_t, int16_t, -32768, 32767)
