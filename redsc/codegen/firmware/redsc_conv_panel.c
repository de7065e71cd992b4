/*
 * redsc: widens the windows of a convolution into panels. This file carries no licence obligation.
 *
 * A window is a number of lines: its kernel rows, or the taps of each kernel row.
 */
#include "redsc_conv_tiles.h"

static uint32_t *redsc_put_zeros(uint32_t groups, uint32_t *panel, int pixels) {
  for (; groups > 0; --groups) {
    panel[0] = 0;
    panel[pixels] = 0;
    panel += 2 * pixels;
  }
  return panel;
}

/* Two elements, of which the low bytes count, minus the zero point. */
static inline uint32_t redsc_pair(uint32_t low, uint32_t high, uint32_t offsets) {
  const uint32_t first = ((low & 0xFFu) ^ 0x80u) - 0x80u, second = ((high & 0xFFu) ^ 0x80u) - 0x80u;
  return ((first + offsets) & 0xFFFFu) | ((second << 16) + (offsets & 0xFFFF0000u));
}

static uint32_t *redsc_put_word(uint32_t word, uint32_t offsets, uint32_t *panel, int pixels) {
  panel[0] = redsc_pair(word, word >> 16, offsets);
  panel[pixels] = redsc_pair(word >> 8, word >> 24, offsets);
  return panel + 2 * pixels;
}

#if REDSC_DSP

uint32_t *redsc_put_lines(const redsc_lines *lines, const int8_t *x, int count, uint32_t *panel, int pixels) {
  return (pixels == 1 ? redsc_put_lines_1 : redsc_put_lines_4)(lines, x, count, panel);
}

#else

static inline uint32_t redsc_pair_of(int8_t low, int8_t high, uint32_t offsets) {
  return (((uint32_t)low + offsets) & 0xFFFFu) | (((uint32_t)high << 16) + (offsets & 0xFFFF0000u));
}

uint32_t *redsc_put_lines(const redsc_lines *lines, const int8_t *x, int count, uint32_t *panel, int pixels) {
  const uint32_t offsets = lines->offsets;
  for (; count > 0; --count) {
    const int8_t *from = x;
    uint32_t groups;
    panel = redsc_put_zeros(lines->before, panel, pixels);
    for (groups = lines->whole; groups > 0; --groups) {
      panel[0] = redsc_pair_of(from[0], from[2], offsets);
      panel[pixels] = redsc_pair_of(from[1], from[3], offsets);
      from += 4;
      panel += 2 * pixels;
    }
    if (lines->rest != 0) {
      panel = redsc_put_word(redsc_get_rest(from, lines->rest, lines->filling), offsets, panel, pixels);
    }
    panel = redsc_put_zeros(lines->behind, panel, pixels);
    x += lines->stride;
  }
  return panel;
}

#endif

/* Makes `count` elements of the lines, with so many groups of padding before them and the rest behind. */
static void redsc_set_lines(const redsc_conv *conv, redsc_lines *lines, uint32_t before, uint32_t count) {
  lines->before = before;
  lines->whole = count / 4;
  lines->rest = count % 4;
  lines->behind = lines->groups - before - (count + 3) / 4;
  lines->filling = redsc_filling(conv, lines->rest);
}

redsc_lines redsc_lines_of(const redsc_conv *conv) {
  const int channels = conv->input_channels;
  const uint32_t tap = (uint32_t)channels, row = (uint32_t)(conv->kernel_width * channels);
  redsc_lines lines;
  lines.are_taps = conv->dilation_w != 1 || (conv->taps_apart != 0 && channels % 4 != 0);
  lines.groups = ((lines.are_taps ? tap : row) + 3) / 4;
  lines.stride = lines.are_taps ? conv->dilation_w * channels : conv->dilation_h * conv->input_width * channels;
  lines.offsets = redsc_offsets(conv);
  redsc_set_lines(conv, &lines, 0, lines.are_taps ? tap : row);
  return lines;
}

/* Which steps from `at` on, of `count`, lie in 0 ... size - 1. */
typedef struct {
  int before, inside, behind;
} redsc_range;

static redsc_range redsc_steps_inside(int at, int step, int count, int size) {
  redsc_range range = {0, 0, 0};
  for (; at < 0 && range.before < count; at += step) {
    ++range.before;
  }
  range.inside = count - range.before;
  for (at += (range.inside - 1) * step; at >= size && range.inside > 0; at -= step) {
    --range.inside;
  }
  range.behind = count - range.before - range.inside;
  return range;
}

/* A kernel row of which a part lies in the image, elements first ... end - 1, and the first begins no group. */
static uint32_t *redsc_put_shifted(const redsc_conv *conv, const redsc_lines *lines, const int8_t *x, uint32_t first,
                                   uint32_t end, uint32_t *panel, int pixels) {
  const uint32_t zero = (uint32_t)conv->input_zero_point & 0xFFu;
  uint32_t k, i;
  panel = redsc_put_zeros(first / 4, panel, pixels);
  for (k = first & ~3u; k < end; k += 4) {
    uint32_t word = 0;
    for (i = 0; i < 4; ++i) {
      word |= (k + i >= first && k + i < end ? (uint32_t)(uint8_t)x[k + i - first] : zero) << 8 * i;
    }
    panel = redsc_put_word(word, lines->offsets, panel, pixels);
  }
  return redsc_put_zeros(lines->groups - (end + 3) / 4, panel, pixels);
}

/* `count` kernel rows that cross the left or the right edge of the image; x is where their inner part begins. */
static uint32_t *redsc_put_edge(const redsc_conv *conv, const redsc_lines *inner, const int8_t *x, redsc_range taps,
                                int count, uint32_t *panel, int pixels) {
  const uint32_t first = (uint32_t)(taps.before * conv->input_channels);
  const uint32_t elements = (uint32_t)(taps.inside * conv->input_channels);
  redsc_lines lines = *inner;
  if (first % 4 != 0) {
    for (; count > 0; --count) {
      panel = redsc_put_shifted(conv, inner, x, first, first + elements, panel, pixels);
      x += inner->stride;
    }
    return panel;
  }
  redsc_set_lines(conv, &lines, first / 4, elements);
  return redsc_put_lines(&lines, x, count, panel, pixels);
}

/* A window of which some taps may lie outside the image. */
static void redsc_put_border(const redsc_conv *conv, const redsc_lines *lines, const int8_t *image, int row, int column,
                             uint32_t *panel, int pixels) {
  const int channels = conv->input_channels, line_bytes = conv->input_width * channels;
  const redsc_range rows = redsc_steps_inside(row, conv->dilation_h, conv->kernel_height, conv->input_height);
  const redsc_range taps = redsc_steps_inside(column, conv->dilation_w, conv->kernel_width, conv->input_width);
  const int groups = (int)lines->groups, row_groups = lines->are_taps ? groups * conv->kernel_width : groups;
  const int8_t *x;
  int left;
  if (taps.inside == 0 || rows.inside == 0) {
    redsc_put_zeros((uint32_t)(row_groups * conv->kernel_height), panel, pixels);
    return;
  }
  row += rows.before * conv->dilation_h;
  column += taps.before * conv->dilation_w;
  x = image + row * line_bytes + column * channels;
  panel = redsc_put_zeros((uint32_t)(row_groups * rows.before), panel, pixels);
  if (lines->are_taps) {
    for (left = rows.inside; left > 0; --left) {
      panel = redsc_put_zeros((uint32_t)(groups * taps.before), panel, pixels);
      panel = redsc_put_lines(lines, x, taps.inside, panel, pixels);
      panel = redsc_put_zeros((uint32_t)(groups * taps.behind), panel, pixels);
      x += conv->dilation_h * line_bytes;
    }
  } else if (taps.inside == conv->kernel_width) {
    panel = redsc_put_lines(lines, x, rows.inside, panel, pixels);
  } else {
    panel = redsc_put_edge(conv, lines, x, taps, rows.inside, panel, pixels);
  }
  redsc_put_zeros((uint32_t)(row_groups * rows.behind), panel, pixels);
}

void redsc_put_window(const redsc_conv *conv, const redsc_lines *lines, const int8_t *image, int row, int column,
                      uint32_t *panel, int pixels) {
  const int width = conv->input_width, kernel = conv->kernel_height;
  if (row >= 0 && column >= 0 && lines->are_taps == 0 && column + conv->kernel_width <= width &&
      row + (kernel - 1) * conv->dilation_h < conv->input_height) {
    redsc_put_lines(lines, image + (row * width + column) * conv->input_channels, kernel, panel, pixels);
  } else {
    redsc_put_border(conv, lines, image, row, column, panel, pixels);
  }
}
