/*
 * redsc: fixed-point arithmetic that kernels share; not for other users. This file carries no licence obligation.
 *
 * Follows gemmlowp's fixedpoint/fixedpoint.h and tensorflow/lite/kernels/internal/common.h: a Qn number has n bits
 * before the point, a sign, and 31 - n bits behind the point.
 */
#ifndef REDSC_FIXED_POINT_H
#define REDSC_FIXED_POINT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The product of a Qn and a Qm number is Q(n + m): SaturatingRoundingDoublingHighMul. */
static inline int32_t redsc_product(int32_t a, int32_t b) {
  return (int32_t)(((int64_t)a * b + (1 << 30)) >> 31);
}

/* value / 2^exponent, halves away from zero: RoundingDivideByPOT. */
static inline int32_t redsc_divided(int32_t value, int32_t exponent) {
  const int32_t mask = (int32_t)((1u << exponent) - 1u);
  return (value >> exponent) + ((value & mask) > (mask >> 1) + (value < 0));
}

/* Of a value that is not 0. */
static inline int32_t redsc_leading_zeros(uint32_t value) {
  int32_t count = 0;
  for (; (value & 0x80000000u) == 0; value <<= 1) {
    ++count;
  }
  return count;
}

/* 1 / (1 + x) of a Q0 number from 0 on, by Newton's method: one_over_one_plus_x_for_x_in_0_1. */
static inline int32_t redsc_reciprocal(int32_t x) {
  const int32_t half = (x >> 1) + (1 << 30); /* (1 + x) / 2 */
  int32_t guess = 1515870810 + redsc_product(half, -1010580540), step; /* Q2: 48/17 - 32/17 * half */
  for (step = 0; step < 3; ++step) {
    guess += redsc_product(guess, (1 << 29) - redsc_product(half, guess)) * 4;
  }
  return guess >= 1 << 30 ? INT32_MAX : guess * 2;
}

#ifdef __cplusplus
}
#endif

#endif /* REDSC_FIXED_POINT_H */
