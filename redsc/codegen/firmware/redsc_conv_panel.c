/*
 * redsc: widens the windows of a convolution into panels. This file carries no licence obligation.
 */
#include <string.h>

#include "redsc_conv_tiles.h"

#if REDSC_DSP

/* Inline assembly, as arm_acle.h cannot fuse the rotation. The DSP cores read words from any address. */
static inline void redsc_put_group(const int8_t *x, uint32_t offsets, uint32_t *panel, int pixels) {
  uint32_t word, pair;
  memcpy(&word, x, sizeof(word));
  __asm__("sxtab16 %0, %1, %2" : "=r"(pair) : "r"(offsets), "r"(word));
  panel[0] = pair;
  __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(pair) : "r"(offsets), "r"(word));
  panel[pixels] = pair;
}

#else

static inline uint32_t redsc_pair(int8_t low, int8_t high, uint32_t offsets) {
  return (((uint32_t)low + offsets) & 0xFFFFu) | (((uint32_t)high << 16) + (offsets & 0xFFFF0000u));
}

static inline void redsc_put_group(const int8_t *x, uint32_t offsets, uint32_t *panel, int pixels) {
  panel[0] = redsc_pair(x[0], x[2], offsets);
  panel[pixels] = redsc_pair(x[1], x[3], offsets);
}

#endif

/* Inlined for either number of pixels: the stores then need no address of their own. */
static inline uint32_t *redsc_put_groups(const int8_t *x, uint32_t groups, uint32_t offsets, uint32_t *panel,
                                         int pixels) {
  for (; groups >= 4; groups -= 4) {
    redsc_put_group(x, offsets, panel, pixels);
    redsc_put_group(x + 4, offsets, panel + 2 * pixels, pixels);
    redsc_put_group(x + 8, offsets, panel + 4 * pixels, pixels);
    redsc_put_group(x + 12, offsets, panel + 6 * pixels, pixels);
    x += 16;
    panel += 8 * pixels;
  }
  for (; groups > 0; --groups) {
    redsc_put_group(x, offsets, panel, pixels);
    x += 4;
    panel += 2 * pixels;
  }
  return panel;
}

static uint32_t *redsc_put_zeros(uint32_t groups, uint32_t *panel, int pixels) {
  for (; groups > 0; --groups) {
    panel[0] = 0;
    panel[pixels] = 0;
    panel += 2 * pixels;
  }
  return panel;
}

static uint32_t *redsc_put_elements(const redsc_conv *conv, const int8_t *x, uint32_t count, uint32_t *panel,
                                    int pixels) {
  const uint32_t offsets = redsc_offsets(conv);
  panel = pixels == 1 ? redsc_put_groups(x, count / 4, offsets, panel, 1)
                      : redsc_put_groups(x, count / 4, offsets, panel, 4);
  if (count % 4 != 0) {
    int8_t group[4];
    redsc_get_rest(conv, x + (count & ~3u), count % 4, group);
    redsc_put_group(group, offsets, panel, pixels);
    panel += 2 * pixels;
  }
  return panel;
}

void redsc_put_stretch(const redsc_conv *conv, const int8_t *x, uint32_t count, uint32_t *panel, int pixels) {
  redsc_put_elements(conv, x, count, panel, pixels);
}

/* Elements first ... end - 1 of a stretch lie in the image, from x on, and the first is not the first of a group. */
static uint32_t *redsc_put_shifted(const redsc_conv *conv, const int8_t *x, uint32_t first, uint32_t end,
                                   uint32_t *panel, int pixels) {
  const uint32_t offsets = redsc_offsets(conv);
  uint32_t k, i;
  panel = redsc_put_zeros(first / 4, panel, pixels);
  for (k = first & ~3u; k < end; k += 4) {
    int8_t group[4];
    for (i = 0; i < 4; ++i) {
      group[i] = k + i >= first && k + i < end ? x[k + i - first] : (int8_t)conv->input_zero_point;
    }
    redsc_put_group(group, offsets, panel, pixels);
    panel += 2 * pixels;
  }
  return panel;
}

/* A kernel row whose taps lie side by side in the image and in the row. */
static uint32_t *redsc_put_row(const redsc_conv *conv, const int8_t *line, int column, uint32_t *panel, int pixels) {
  const int channels = conv->input_channels, width = conv->input_width, kernel = conv->kernel_width;
  const int begin = column < 0 ? -column : 0;
  const int end = column + kernel > width ? width - column : kernel;
  const uint32_t groups = (uint32_t)(kernel * channels + 3) / 4;
  if (begin >= end) {
    return redsc_put_zeros(groups, panel, pixels);
  }
  const uint32_t first = (uint32_t)(begin * channels), behind = (uint32_t)(end * channels);
  const int8_t *x = line + (column + begin) * channels;
  if (first % 4 != 0) {
    panel = redsc_put_shifted(conv, x, first, behind, panel, pixels);
  } else {
    panel = redsc_put_zeros(first / 4, panel, pixels);
    panel = redsc_put_elements(conv, x, behind - first, panel, pixels);
  }
  return redsc_put_zeros(groups - (behind + 3) / 4, panel, pixels);
}

/* A kernel row of taps that begin a group each. */
static uint32_t *redsc_put_taps(const redsc_conv *conv, const int8_t *line, int column, uint32_t *panel,
                                int pixels) {
  const int channels = conv->input_channels;
  int tap;
  for (tap = 0; tap < conv->kernel_width; ++tap) {
    if (column >= 0 && column < conv->input_width) {
      panel = redsc_put_elements(conv, line + column * channels, (uint32_t)channels, panel, pixels);
    } else {
      panel = redsc_put_zeros((uint32_t)(channels + 3) / 4, panel, pixels);
    }
    column += conv->dilation_w;
  }
  return panel;
}

void redsc_put_window(const redsc_conv *conv, const int8_t *image, int row, int column, uint32_t *panel,
                      int pixels) {
  const int channels = conv->input_channels, line_bytes = conv->input_width * channels;
  const int is_row = conv->dilation_w == 1 && (conv->taps_apart == 0 || channels % 4 == 0);
  const uint32_t tap_groups = (uint32_t)(channels + 3) / 4, width = (uint32_t)conv->kernel_width;
  const uint32_t groups = is_row ? (width * (uint32_t)channels + 3) / 4 : width * tap_groups;
  int tap;
  for (tap = 0; tap < conv->kernel_height; ++tap) {
    if (row < 0 || row >= conv->input_height) {
      panel = redsc_put_zeros(groups, panel, pixels);
    } else if (is_row) {
      panel = redsc_put_row(conv, image + row * line_bytes, column, panel, pixels);
    } else {
      panel = redsc_put_taps(conv, image + row * line_bytes, column, panel, pixels);
    }
    row += conv->dilation_h;
  }
}
