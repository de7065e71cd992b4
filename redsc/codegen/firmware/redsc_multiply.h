/*
 * redsc: how integer sums are rescaled, and clamped. This file carries no licence obligation.
 */
#ifndef REDSC_MULTIPLY_H
#define REDSC_MULTIPLY_H

#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The same bits as a signed number; a cast is left to the compiler in C99. */
static inline int32_t redsc_signed(uint32_t bits) {
  int32_t value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

/*
 * sum * multiplier * 2^(shift - 31), rounded twice: MultiplyByQuantizedMultiplier of tensorflow/lite/kernels/
 * internal/common.cc, with SaturatingRoundingDoublingHighMul and RoundingDivideByPOT of gemmlowp's
 * fixedpoint/fixedpoint.h. QuantizeMultiplier gives no negative multiplier, so the product needs no saturation and
 * its rounding division is a shift. Of a shift outside -31 ... 31 the low five bits count: a wrong number, never
 * undefined behaviour.
 */
static inline int32_t redsc_multiply(uint32_t sum, int32_t multiplier, int32_t shift) {
  const uint32_t left = shift > 0 ? (uint32_t)shift & 31u : 0u;
  const uint32_t right = shift > 0 ? 0u : (0u - (uint32_t)shift) & 31u;
  const int64_t product = (int64_t)redsc_signed(sum << left) * multiplier;
  const int32_t high = (int32_t)((product + (1 << 30)) >> 31);
  const int32_t mask = (int32_t)((1u << right) - 1u);
  return (high >> right) + ((high & mask) > (mask >> 1) + (high < 0));
}

static inline int32_t redsc_clamp(int32_t value, int32_t minimum, int32_t maximum) {
  const int32_t floored = value < minimum ? minimum : value;
  return floored > maximum ? maximum : floored;
}

#ifdef __cplusplus
}
#endif

#endif /* REDSC_MULTIPLY_H */
