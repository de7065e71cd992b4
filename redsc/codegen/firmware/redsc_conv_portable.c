/*
 * redsc: the tiles of the convolution kernel in plain C. This file carries no licence obligation.
 *
 * They serve every core, and layers that the tiles in assembly do not take.
 */
#include <string.h>

#include "redsc_conv_tiles.h"

/* The high byte of 256 * odd + even is one less than the odd weight where the even one is negative: all bits, to be
   masked with the sign, or none. */
static inline int redsc_borrow(const redsc_conv *conv) { return conv->form == REDSC_SUMS ? -1 : 0; }

#if REDSC_DSP

/* The weights of a row for the two elements of a panel word. */
typedef uint32_t redsc_row;

/* Two rows; where they are packed as sums, `odd` is 256 * odd + even. */
typedef struct {
  redsc_row even, odd;
} redsc_weights;

static inline redsc_weights redsc_weights_at(const int8_t *bytes, int borrow) {
  redsc_weights w;
  uint32_t word;
  memcpy(&word, bytes, sizeof(word));
  w.odd = word;
  __asm__("sxtb16 %0, %1" : "=r"(w.even) : "r"(word));
  if (borrow == 0) {
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(w.odd) : "r"(word));
  }
  return w;
}

static inline uint32_t redsc_add_products(uint32_t sum, redsc_row weights, uint32_t pair) {
  uint32_t result;
  __asm__("smlad %0, %1, %2, %3" : "=r"(result) : "r"(weights), "r"(pair), "r"(sum));
  return result;
}

static inline uint32_t redsc_odd_sum(uint32_t even, uint32_t odd, int borrow) {
  return borrow == 0 ? odd : (uint32_t)(redsc_signed(odd - even) >> 8);
}

#else

typedef struct {
  int32_t low, high;
} redsc_row;

typedef struct {
  redsc_row even, odd;
} redsc_weights;

static inline redsc_weights redsc_weights_at(const int8_t *bytes, int borrow) {
  redsc_weights w;
  w.even.low = bytes[0];
  w.even.high = bytes[2];
  w.odd.low = bytes[1] - (borrow & (bytes[0] >> 7));
  w.odd.high = bytes[3] - (borrow & (bytes[2] >> 7));
  return w;
}

/* Two additions, as cores multiply and add at once. */
static inline uint32_t redsc_add_products(uint32_t sum, redsc_row weights, uint32_t pair) {
  sum += (uint32_t)(weights.low * redsc_first(pair));
  return sum + (uint32_t)(weights.high * redsc_second(pair));
}

static inline uint32_t redsc_odd_sum(uint32_t even, uint32_t odd, int borrow) {
  (void)even;
  (void)borrow;
  return odd;
}

#endif

/* Both rows for two pixels side by side in a panel of four. More sums at a time than these do not fit into the
   registers of most cores. */
static void redsc_sum_2(const redsc_conv *conv, const uint32_t *panel, const int8_t *weight, uint32_t sums[4]) {
  const int borrow = redsc_borrow(conv);
  uint32_t even = 0, odd = 0, next_even = 0, next_odd = 0, segment, i;
  for (segment = conv->segments; segment > 0; --segment) {
    for (i = conv->segment_bytes / 4; i > 0; --i) {
      const redsc_weights w = redsc_weights_at(weight, borrow);
      even = redsc_add_products(even, w.even, panel[0]);
      odd = redsc_add_products(odd, w.odd, panel[0]);
      next_even = redsc_add_products(next_even, w.even, panel[1]);
      next_odd = redsc_add_products(next_odd, w.odd, panel[1]);
      weight += 4;
      panel += 4;
    }
    weight += conv->skip_bytes;
  }
  sums[0] = even;
  sums[1] = redsc_odd_sum(even, odd, borrow);
  sums[2] = next_even;
  sums[3] = redsc_odd_sum(next_even, next_odd, borrow);
}

static void redsc_sum_1(const redsc_conv *conv, const uint32_t *panel, const int8_t *weight, uint32_t sums[2]) {
  const int borrow = redsc_borrow(conv);
  uint32_t even = 0, odd = 0, segment, i;
  for (segment = conv->segments; segment > 0; --segment) {
    for (i = conv->segment_bytes / 4; i > 0; --i) {
      const redsc_weights w = redsc_weights_at(weight, borrow);
      even = redsc_add_products(even, w.even, *panel);
      odd = redsc_add_products(odd, w.odd, *panel);
      weight += 4;
      ++panel;
    }
    weight += conv->skip_bytes;
  }
  sums[0] = even;
  sums[1] = redsc_odd_sum(even, odd, borrow);
}

/* Straight from x. What lies behind the last element of a pixel is left out. */
static void redsc_sum_0(const redsc_conv *conv, const int8_t *x, const int8_t *weight, uint32_t sums[2]) {
  static const uint8_t place[4] = {0, 2, 1, 3};
  const int borrow = redsc_borrow(conv);
  const uint32_t stretch = redsc_pixel_elements(conv) / conv->segments;
  uint32_t even = 0, odd = 0, segment, k;
  for (segment = conv->segments; segment > 0; --segment) {
    for (k = 0; k < stretch; ++k) {
      const int8_t *pair = weight + 2 * ((k & ~3u) + place[k & 3u]);
      const int32_t value = *x++ - conv->input_zero_point;
      even += (uint32_t)(pair[0] * value);
      odd += (uint32_t)((pair[1] - (borrow & (pair[0] >> 7))) * value);
    }
    weight += conv->segment_bytes + conv->skip_bytes;
  }
  sums[0] = even;
  sums[1] = odd;
}

static int8_t redsc_result(const redsc_conv *conv, const redsc_channel_pair *pair, int row, uint32_t sum) {
  const int32_t value = redsc_rescale(conv->rescale, sum + (uint32_t)pair->bias[row], pair->doubled[row],
                                      pair->shift[row], conv->output_zero_point);
  return (int8_t)redsc_clamp(value, conv->minimum, conv->maximum);
}

/* The sums of a pair of rows over the panel, or over x where there is none: both of the first pixel, and so on. */
static void redsc_sum(const redsc_conv *conv, const redsc_tile *tile, int pixels, const int8_t *weight,
                      uint32_t sums[8]) {
  if (pixels == 4) {
    redsc_sum_2(conv, (const uint32_t *)tile->panel, weight, sums);
    redsc_sum_2(conv, (const uint32_t *)tile->panel + 2, weight, sums + 4);
  } else if (pixels == 1) {
    redsc_sum_1(conv, (const uint32_t *)tile->panel, weight, sums);
  } else {
    redsc_sum_0(conv, (const int8_t *)tile->panel, weight, sums);
  }
}

void redsc_tile_portable(const redsc_conv *conv, const redsc_tile *tile, int pixels, int count) {
  const redsc_channel_pair *pair = tile->channels;
  const int8_t *weight = tile->weight;
  int channel, pixel;
  for (channel = 0; channel < tile->rows; channel += 2) {
    int8_t *y = tile->y + channel;
    uint32_t sums[8];
    redsc_sum(conv, tile, pixels, weight, sums);
    for (pixel = 0; pixel < count; ++pixel) {
      y[0] = redsc_result(conv, pair, 0, sums[2 * pixel]);
      if (channel + 1 < tile->rows) {
        y[1] = redsc_result(conv, pair, 1, sums[2 * pixel + 1]);
      }
      y += conv->output_channels;
    }
    weight += conv->pair_bytes;
    ++pair;
  }
}
