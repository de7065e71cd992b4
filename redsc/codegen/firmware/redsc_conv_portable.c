/*
 * redsc: the tiles of the convolution kernel in plain C. This file carries no licence obligation.
 *
 * They serve every core, layers that the tiles in assembly do not take, and as the definition of those.
 */
#include "redsc_conv_tiles.h"

/* The weights of two rows for the two elements of a panel word. */
typedef struct {
  int32_t even[2], odd[2];
} redsc_weights;

/* The high byte of 256 * odd + even is one less than the odd weight where the even one is negative. */
static inline redsc_weights redsc_weights_at(const int8_t *bytes, int is_sums) {
  redsc_weights w;
  w.even[0] = bytes[0];
  w.even[1] = bytes[2];
  w.odd[0] = bytes[1] + (is_sums & (bytes[0] < 0));
  w.odd[1] = bytes[3] + (is_sums & (bytes[2] < 0));
  return w;
}

static inline uint32_t redsc_products(const int32_t w[2], int32_t low, int32_t high) {
  return (uint32_t)(w[0] * low) + (uint32_t)(w[1] * high);
}

static inline int32_t redsc_low_half(uint32_t pair) { return (int32_t)((pair & 0xFFFFu) ^ 0x8000u) - 0x8000; }

static inline int32_t redsc_high_half(uint32_t pair) { return redsc_low_half(pair >> 16); }

/* Both rows for two pixels side by side in a panel of four. More sums at a time than these do not fit into the
   registers of most cores. */
static void redsc_sum_2(const redsc_conv *conv, const uint32_t *panel, const int8_t *weight, uint32_t sums[4]) {
  const int is_sums = conv->form == REDSC_SUMS;
  uint32_t even = 0, odd = 0, next_even = 0, next_odd = 0, segment, i;
  for (segment = conv->segments; segment > 0; --segment) {
    for (i = conv->segment_bytes / 4; i > 0; --i) {
      const redsc_weights w = redsc_weights_at(weight, is_sums);
      const int32_t low = redsc_low_half(panel[0]), high = redsc_high_half(panel[0]);
      const int32_t next_low = redsc_low_half(panel[1]), next_high = redsc_high_half(panel[1]);
      even += redsc_products(w.even, low, high);
      odd += redsc_products(w.odd, low, high);
      next_even += redsc_products(w.even, next_low, next_high);
      next_odd += redsc_products(w.odd, next_low, next_high);
      weight += 4;
      panel += 4;
    }
    weight += conv->skip_bytes;
  }
  sums[0] = even;
  sums[1] = odd;
  sums[2] = next_even;
  sums[3] = next_odd;
}

static void redsc_sum_1(const redsc_conv *conv, const uint32_t *panel, const int8_t *weight, uint32_t sums[2]) {
  const int is_sums = conv->form == REDSC_SUMS;
  uint32_t even = 0, odd = 0, segment, i;
  for (segment = conv->segments; segment > 0; --segment) {
    for (i = conv->segment_bytes / 4; i > 0; --i) {
      const redsc_weights w = redsc_weights_at(weight, is_sums);
      const int32_t low = redsc_low_half(*panel), high = redsc_high_half(*panel);
      even += redsc_products(w.even, low, high);
      odd += redsc_products(w.odd, low, high);
      weight += 4;
      ++panel;
    }
    weight += conv->skip_bytes;
  }
  sums[0] = even;
  sums[1] = odd;
}

/* Straight from x. What lies behind the last element of a pixel is left out. */
static void redsc_sum_0(const redsc_conv *conv, const int8_t *x, const int8_t *weight, uint32_t sums[2]) {
  static const uint8_t place[4] = {0, 2, 1, 3};
  const int is_sums = conv->form == REDSC_SUMS;
  const uint32_t stretch = redsc_pixel_elements(conv) / conv->segments;
  uint32_t even = 0, odd = 0, segment, k;
  for (segment = conv->segments; segment > 0; --segment) {
    for (k = 0; k < stretch; ++k) {
      const int8_t *pair = weight + 2 * ((k & ~3u) + place[k & 3u]);
      const int32_t value = *x++ - conv->input_zero_point;
      even += (uint32_t)(pair[0] * value);
      odd += (uint32_t)((pair[1] + (is_sums & (pair[0] < 0))) * value);
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
  const int channels = conv->output_channels;
  int channel, pixel;
  for (channel = 0; channel < channels; channel += 2) {
    int8_t *y = tile->y + channel;
    uint32_t sums[8];
    redsc_sum(conv, tile, pixels, weight, sums);
    for (pixel = 0; pixel < count; ++pixel) {
      y[0] = redsc_result(conv, pair, 0, sums[2 * pixel]);
      if (channel + 1 < channels) {
        y[1] = redsc_result(conv, pair, 1, sums[2 * pixel + 1]);
      }
      y += channels;
    }
    weight += conv->pair_bytes;
    ++pair;
  }
}
