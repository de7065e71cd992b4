/*
 * redsc: widens the windows of a convolution into panels. This file carries no licence obligation.
 *
 * A window is a number of lines: its kernel rows, or the taps of each kernel row.
 */
#include "redsc_conv_panel.h"

#include "redsc_assembly.h"

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

/*
 * Lines of a window into a panel: r0 panel, r1 the line in x, r2 lines to go, r4 ... r10 the fields before, whole,
 * rest, behind, filling, offsets, stride. lr walks along the line. Words of x may lie at any address.
 */
#define PUT_WORD(next)                                                       \
  "sxtab16 r12, r9, r3\n sxtab16 r3, r9, r3, ror #8\n str r12, [r0], #" next "\n str r3, [r0], #" next "\n"
#define PUT_GROUP(next) "ldr r3, [lr], #4\n" PUT_WORD(next)
#define PUT_ZEROS(count, next)                                               \
  "cbz " count ", 3f\n mov r11, " count "\n mov r12, #0\n"                   \
  "2: str r12, [r0], #" next "\n str r12, [r0], #" next "\n subs r11, r11, #1\n bne 2b\n" \
  "3:\n"

#define PUT_LINES(name, next)                                                \
  REDSC_ASSEMBLY static uint32_t *name(REDSC_UNUSED const redsc_lines *lines, REDSC_UNUSED const int8_t *x, \
                                       REDSC_UNUSED int count, REDSC_UNUSED uint32_t *panel) { \
    __asm__ volatile(                                                        \
        "push {r4-r11, lr}\n ldm r0, {r4-r10}\n mov r0, r3\n"                \
        "orr r11, r4, r6\n orrs r11, r11, r7\n it eq\n cmpeq r5, #1\n bne 1f\n" \
        "0: ldr r3, [r1]\n add r1, r1, r10\n" PUT_WORD(next) "subs r2, r2, #1\n bne 0b\n pop {r4-r11, pc}\n" \
        "1:\n" PUT_ZEROS("r4", next)                                         \
        "mov lr, r1\n subs r11, r5, #4\n blo 5f\n"                           \
        "4:\n" PUT_GROUP(next) PUT_GROUP(next) PUT_GROUP(next) PUT_GROUP(next) "subs r11, r11, #4\n bhs 4b\n" \
        "5: adds r11, r11, #4\n beq 7f\n"                                    \
        "6:\n" PUT_GROUP(next) "subs r11, r11, #1\n bne 6b\n"                \
        "7: cbz r6, 9f\n ldrb r3, [lr]\n orr r3, r3, r8\n cmp r6, #2\n blo 8f\n" \
        "ldrb r12, [lr, #1]\n orr r3, r3, r12, lsl #8\n beq 8f\n ldrb r12, [lr, #2]\n orr r3, r3, r12, lsl #16\n" \
        "8:\n" PUT_WORD(next)                                                \
        "9:\n" PUT_ZEROS("r7", next)                                         \
        "add r1, r1, r10\n subs r2, r2, #1\n bne 1b\n pop {r4-r11, pc}\n"); \
  }

PUT_LINES(redsc_put_lines_4, "16")
PUT_LINES(redsc_put_lines_1, "4")

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

redsc_lines redsc_lines_of(const redsc_conv *conv, int channels, int parts) {
  const int are_all = channels == conv->input_channels;
  const uint32_t row_bytes = (uint32_t)conv->input_width * (uint32_t)conv->input_channels;
  redsc_lines lines;
  uint32_t count = (uint32_t)channels;
  lines.are_taps = conv->dilation_w != 1 || !are_all || (conv->taps_apart != 0 && channels % 4 != 0);
  lines.parts = parts;
  if (lines.are_taps == 0) {
    count = (uint32_t)(conv->kernel_width * channels);
    lines.stride = redsc_signed((uint32_t)conv->dilation_h * row_bytes); /* too far for an int: there is one line */
  } else {
    lines.stride = parts > 1 ? channels : conv->dilation_w * conv->input_channels;
  }
  lines.groups = (count + 3) / 4;
  lines.offsets = redsc_offsets(conv);
  redsc_set_lines(conv, &lines, 0, count);
  return lines;
}

redsc_range redsc_steps_inside(int at, int step, int count, int size) {
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

void redsc_advance(const redsc_conv *conv, redsc_position *at) {
  if (++at->column < conv->output_width) {
    return;
  }
  at->column = 0;
  if (++at->row < conv->output_height) {
    return;
  }
  at->row = 0;
  at->image += conv->input_height * conv->input_width * conv->input_channels;
}

/* `count` kernel rows that cross the left or the right edge of the image; x is where their inner part begins. */
static uint32_t *redsc_put_edge(const redsc_conv *conv, const redsc_lines *inner, const int8_t *x, redsc_range taps,
                                int count, uint32_t *panel, int pixels) {
  const uint32_t first = (uint32_t)(taps.before * conv->input_channels), shift = 8 * (first % 4);
  const uint32_t elements = (uint32_t)(taps.inside * conv->input_channels);
  const uint32_t begun = elements < 4 - first % 4 ? elements : 4 - first % 4; /* of a group that began before them */
  const uint32_t filling = redsc_filling(conv, 0) & ~(((1u << 8 * (begun % 4)) - 1u) << shift);
  redsc_lines lines = *inner;
  if (shift == 0) {
    redsc_set_lines(conv, &lines, first / 4, elements);
    return redsc_put_lines(&lines, x, count, panel, pixels);
  }
  redsc_set_lines(conv, &lines, first / 4 + 1, elements - begun);
  lines.before = 0;
  for (; count > 0; --count) {
    panel = redsc_put_zeros(first / 4, panel, pixels);
    panel = redsc_put_word(redsc_get_rest(x, begun, 0) << shift | filling, lines.offsets, panel, pixels);
    if (lines.whole + lines.rest + lines.behind != 0) {
      panel = redsc_put_lines(&lines, x + begun, 1, panel, pixels);
    }
    x += inner->stride;
  }
  return panel;
}

/* A window of which some taps may lie outside the image. */
static uint32_t *redsc_put_border(const redsc_conv *conv, const redsc_lines *lines, const int8_t *image, int row,
                                  int column, uint32_t *panel, int pixels) {
  const uint32_t line_bytes = (uint32_t)conv->input_width * (uint32_t)conv->input_channels;
  const redsc_range rows = redsc_steps_inside(row, conv->dilation_h, conv->kernel_height, conv->input_height);
  const redsc_range taps = redsc_steps_inside(column, conv->dilation_w, conv->kernel_width, conv->input_width);
  const int groups = (int)lines->groups * lines->parts;
  const int row_groups = lines->are_taps ? groups * conv->kernel_width : groups;
  const int8_t *x;
  int line;
  if (taps.inside == 0 || rows.inside == 0) {
    return redsc_put_zeros((uint32_t)(row_groups * conv->kernel_height), panel, pixels);
  }
  row += rows.before * conv->dilation_h;
  column += taps.before * conv->dilation_w;
  x = image + (uint32_t)row * line_bytes + column * conv->input_channels;
  panel = redsc_put_zeros((uint32_t)(row_groups * rows.before), panel, pixels);
  if (lines->are_taps) {
    for (line = 0; line < rows.inside; ++line) {
      panel = redsc_put_zeros((uint32_t)(groups * taps.before), panel, pixels);
      panel = redsc_put_lines(lines, x + (uint32_t)(line * conv->dilation_h) * line_bytes, taps.inside * lines->parts,
                              panel, pixels);
      panel = redsc_put_zeros((uint32_t)(groups * taps.behind), panel, pixels);
    }
  } else if (taps.inside == conv->kernel_width) {
    panel = redsc_put_lines(lines, x, rows.inside, panel, pixels);
  } else {
    panel = redsc_put_edge(conv, lines, x, taps, rows.inside, panel, pixels);
  }
  return redsc_put_zeros((uint32_t)(row_groups * rows.behind), panel, pixels);
}

uint32_t *redsc_put_window(const redsc_conv *conv, const redsc_lines *lines, const int8_t *image, int row, int column,
                           uint32_t *panel, int pixels) {
  const int width = conv->input_width, kernel = conv->kernel_height;
  if (row >= 0 && column >= 0 && lines->are_taps == 0 && column + conv->kernel_width <= width &&
      row + (kernel - 1) * conv->dilation_h < conv->input_height) {
    return redsc_put_lines(lines, image + (row * width + column) * conv->input_channels, kernel, panel, pixels);
  }
  return redsc_put_border(conv, lines, image, row, column, panel, pixels);
}
