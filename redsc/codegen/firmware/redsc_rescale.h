/*
 * redsc: what becomes of a sum of products of int8. This file carries no licence obligation.
 *
 * The rounding is that of redsc_multiply (redsc_arithmetic.h), on every path.
 */
#ifndef REDSC_RESCALE_H
#define REDSC_RESCALE_H

#include "redsc_multiply.h"

/* Define REDSC_NO_DSP to get the portable code on cores that have the DSP instructions as well. */
#if defined(__thumb2__) && defined(__ARM_FEATURE_DSP) && defined(__ARM_FEATURE_UNALIGNED) && defined(__GNUC__) && \
    !defined(__ARM_BIG_ENDIAN) && !defined(REDSC_NO_DSP)
#define REDSC_DSP 1
#else
#define REDSC_DSP 0
#endif

#ifdef __cplusplus
extern "C" {
#endif

/*
 * How two neighbouring output channels become int8: (bias + products) * multiplier * 2^(-shift - 31).
 * `doubled` is 2 * multiplier mod 2^32, for multipliers of 0 or 2^30 ... 2^31 - 1 (TFLite's QuantizeMultiplier); a
 * negative shift is one to the left. The array of a layer with an odd number of channels ends in half a pair.
 */
typedef struct {
  int32_t bias[2];
  int32_t doubled[2];
  int8_t shift[2];
  int8_t unused[2];
} redsc_channel_pair;

/*
 * What the generator knows of all channels of a layer. REDSC_SHIFTS_RIGHT: no multiplier is 0, shifts are 1 ... 21,
 * and sums stay within 2^29 + 2^28: nothing below overflows, not even with sums doubled. (The tiles of
 * redsc_conv_assembly.h add the zero point after the shift and would take 31.)
 */
enum { REDSC_SHIFTS_ANY = 0, REDSC_SHIFTS_RIGHT = 1 };

/* SaturatingRoundingDoublingHighMul of gemmlowp's fixedpoint/fixedpoint.h; the multiplier must not be 0. */
static inline int32_t redsc_high(uint32_t sum, int32_t doubled) {
#if REDSC_DSP
  int32_t high; /* (sum * 2^32 + sum * (2 * multiplier - 2^32) + 2^31) >> 32 */
  __asm__("smmlar %0, %1, %2, %1" : "=r"(high) : "r"(sum), "r"(doubled));
  return high;
#else
  const int64_t product = (int64_t)redsc_signed(sum) * (int32_t)((uint32_t)doubled >> 1);
  return (int32_t)((product + (1 << 30)) >> 31);
#endif
}

/* What redsc_shift_right adds: half a step for the rounding, and the zero point. */
static inline uint32_t redsc_rounding(int32_t shift, int32_t zero_point) {
  return (uint32_t)(2 * zero_point + 1) << (shift - 1);
}

/* RoundingDivideByPOT of the same file, plus the zero point: halves go away from zero, hence the sign. */
static inline int32_t redsc_shift_right(int32_t high, uint32_t rounding, int32_t shift) {
  return redsc_signed((uint32_t)high + (uint32_t)(high >> 31) + rounding) >> shift;
}

/* Clamps to int8. */
static inline int32_t redsc_saturate_s8(int32_t value) {
#if REDSC_DSP
  int32_t saturated;
  __asm__("ssat %0, #8, %1" : "=r"(saturated) : "r"(value));
  return saturated;
#else
  return redsc_clamp(value, -128, 127);
#endif
}

/* Clamps results that lie one behind the other. */
static inline void redsc_clamp_all(int8_t *y, int count, int32_t minimum, int32_t maximum) {
  int i = 0;
#if REDSC_DSP
  const uint32_t least = ((uint32_t)minimum & 0xFFu) * 0x01010101u, most = ((uint32_t)maximum & 0xFFu) * 0x01010101u;
  for (; i + 4 <= count; i += 4) {
    uint32_t four, difference;
    memcpy(&four, y + i, sizeof(four));
    __asm__("ssub8 %1, %0, %2\n sel %0, %0, %2\n ssub8 %1, %0, %3\n sel %0, %3, %0"
            : "+&r"(four), "=&r"(difference)
            : "r"(least), "r"(most));
    memcpy(y + i, &four, sizeof(four));
  }
#endif
  for (; i < count; ++i) {
    y[i] = (int8_t)redsc_clamp(y[i], minimum, maximum);
  }
}

/* A channel's sum, products and bias, in steps of the output; not clamped. `shifts` is one of REDSC_SHIFTS_... */
static inline int32_t redsc_rescale(int shifts, uint32_t sum, int32_t doubled, int32_t shift, int32_t zero_point) {
  if (shifts == REDSC_SHIFTS_RIGHT) {
    return redsc_shift_right(redsc_high(sum, doubled), redsc_rounding(shift, zero_point), shift);
  }
  return redsc_signed((uint32_t)redsc_multiply(sum, (int32_t)((uint32_t)doubled >> 1), -shift) +
                      (uint32_t)zero_point);
}

#ifdef __cplusplus
}
#endif

#endif /* REDSC_RESCALE_H */
