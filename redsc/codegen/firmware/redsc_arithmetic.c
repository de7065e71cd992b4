/*
 * redsc: the inner loops of all kernels. This file carries no licence obligation.
 */
#include "redsc_arithmetic.h"

/* Define REDSC_NO_DSP to get the portable code on cores that have the DSP instructions as well. */
#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__) && !defined(REDSC_NO_DSP)
#define REDSC_DSP 1
#else
#define REDSC_DSP 0
#endif

static inline uint32_t redsc_dot_portable_s8(const int8_t *x, const int8_t *w, uint32_t count, int32_t offset) {
  uint32_t sum = 0, i;
  for (i = 0; i < count; ++i) {
    sum += (uint32_t)((x[i] + offset) * w[i]);
  }
  return sum;
}

#if REDSC_DSP

/* Compilers make one LDR of it: the DSP cores read words from any address. */
static inline uint32_t redsc_load_word(const int8_t *bytes) {
  uint32_t word;
  memcpy(&word, bytes, sizeof(word));
  return word;
}

/* Bytes 0 and 2 of a word as two int16. Inline assembly, as arm_acle.h cannot fuse the rotation. */
static inline uint32_t redsc_even_bytes(uint32_t word) {
  uint32_t pair;
  __asm__("sxtb16 %0, %1" : "=r"(pair) : "r"(word));
  return pair;
}

static inline uint32_t redsc_odd_bytes(uint32_t word) {
  uint32_t pair;
  __asm__("sxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(word));
  return pair;
}

static inline uint32_t redsc_even_bytes_plus(uint32_t offsets, uint32_t word) {
  uint32_t pair;
  __asm__("sxtab16 %0, %1, %2" : "=r"(pair) : "r"(offsets), "r"(word));
  return pair;
}

static inline uint32_t redsc_odd_bytes_plus(uint32_t offsets, uint32_t word) {
  uint32_t pair;
  __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(pair) : "r"(offsets), "r"(word));
  return pair;
}

static inline uint32_t redsc_multiply_pairs(uint32_t a, uint32_t b, uint32_t sum) {
  uint32_t result;
  __asm__("smlad %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
  return result;
}

uint32_t redsc_dot_s8(const int8_t *x, const int8_t *w, uint32_t count, int32_t offset) {
  const uint32_t offsets = ((uint32_t)offset & 0xFFFFu) | ((uint32_t)offset << 16);
  uint32_t sum = 0;
  for (; count >= 4; count -= 4) {
    const uint32_t x4 = redsc_load_word(x), w4 = redsc_load_word(w);
    sum = redsc_multiply_pairs(redsc_even_bytes_plus(offsets, x4), redsc_even_bytes(w4), sum);
    sum = redsc_multiply_pairs(redsc_odd_bytes_plus(offsets, x4), redsc_odd_bytes(w4), sum);
    x += 4;
    w += 4;
  }
  return sum + redsc_dot_portable_s8(x, w, count, offset);
}

#else

uint32_t redsc_dot_s8(const int8_t *x, const int8_t *w, uint32_t count, int32_t offset) {
  return redsc_dot_portable_s8(x, w, count, offset);
}

#endif

uint32_t redsc_runs_sum_s8(const redsc_options *options, const int8_t *x, const int8_t *row) {
  uint32_t sum = 0, i, n;
  for (i = 0; i < options->run_count; ++i) {
    const redsc_run run = i == 0 ? options->first_run : redsc_run_at(options, i);
    for (n = 0; n < run.count; ++n) {
      sum += redsc_dot_s8(x, row + run.start + n * run.stride, run.length, -options->input_zero_point);
      x += run.length;
    }
  }
  return sum;
}

float redsc_row_sum_f32(const redsc_options *options, const float *x, const float *row, float sum) {
  uint32_t i, n, k;
  for (i = 0; i < options->run_count; ++i) {
    const redsc_run run = i == 0 ? options->first_run : redsc_run_at(options, i);
    for (n = 0; n < run.count; ++n) {
      const float *w = row + run.start + n * run.stride;
      for (k = 0; k < run.length; ++k) {
        sum += *x++ * w[k];
      }
    }
  }
  return sum;
}
