/*
 * redsc: windows of x, widened; not for other users. This file carries no licence obligation.
 */
#ifndef REDSC_CONV_PANEL_H
#define REDSC_CONV_PANEL_H

#include <string.h>

#include "redsc_conv.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Minus the input zero point, as two int16. */
static inline uint32_t redsc_offsets(const redsc_conv *conv) {
  const uint32_t offset = 0u - (uint32_t)conv->input_zero_point;
  return (offset & 0xFFFFu) | offset << 16;
}

/* Input zero points in the bytes of a word from `rest` on. */
static inline uint32_t redsc_filling(const redsc_conv *conv, uint32_t rest) {
  return ((uint32_t)conv->input_zero_point & 0xFFu) * 0x01010101u << 8 * rest;
}

/* A group of which only `rest` elements are there, 1 to 3. */
static inline uint32_t redsc_get_rest(const int8_t *x, uint32_t rest, uint32_t filling) {
  uint32_t word = filling | (uint8_t)x[0];
  if (rest > 1) {
    word |= (uint32_t)(uint8_t)x[1] << 8;
  }
  if (rest > 2) {
    word |= (uint32_t)(uint8_t)x[2] << 16;
  }
  return word;
}

/*
 * How the lines of a window go into a panel: groups of padding, whole groups of x, elements that are no whole group,
 * groups of padding. Assembly reads the first seven words by their order.
 */
typedef struct {
  uint32_t before, whole, rest, behind;
  uint32_t filling; /* of the rest */
  uint32_t offsets; /* minus the input zero point, as two int16 */
  int32_t stride;   /* from a line of x to the next */
  uint32_t groups;  /* of a line */
  int are_taps;     /* lines are the taps of a kernel row, or parts of the only tap; else kernel rows */
  int parts;        /* lines per tap */
} redsc_lines;

/*
 * The lines of windows of which `channels` channels are read: all of them, or such that lie side by side, or in a
 * window of one tap so many `parts`, one behind the other, each filled up to whole groups.
 */
redsc_lines redsc_lines_of(const redsc_conv *conv, int channels, int parts);

/*
 * A panel: word j * pixels + p is the pair j of pixel p, in the order of the weights, minus the input zero point.
 * Writes the column of the pixel whose window has its first tap at this row and column of the image; `image` is its
 * first channel that is read. Returns where the column goes on.
 */
uint32_t *redsc_put_window(const redsc_conv *conv, const redsc_lines *lines, const int8_t *image, int row, int column,
                           uint32_t *panel, int pixels);

/* Writes lines and returns where the column goes on. */
uint32_t *redsc_put_lines(const redsc_lines *lines, const int8_t *x, int count, uint32_t *panel, int pixels);

/* The two elements of a word of a panel. memcpy, as redsc_signed: compilers make one instruction of it. */
static inline int32_t redsc_first(uint32_t pair) {
  const uint16_t bits = (uint16_t)(pair & 0xFFFFu);
  int16_t first;
  memcpy(&first, &bits, sizeof(first));
  return first;
}

static inline int32_t redsc_second(uint32_t pair) { return redsc_signed(pair) >> 16; }

/* How many units of a loop unrolled over four its first round leaves out. */
static inline uint32_t redsc_entry(uint32_t units) { return units == 0 ? 4 : (0u - units) % 4; }

/* Which steps from `at` on, of `count`, lie in 0 ... size - 1. */
typedef struct {
  int before, inside, behind;
} redsc_range;

redsc_range redsc_steps_inside(int at, int step, int count, int size);

/* The pixel whose window is read next. */
typedef struct {
  const int8_t *image;
  int row, column;
} redsc_position;

void redsc_advance(const redsc_conv *conv, redsc_position *at);

/* A 1x1 convolution without a border, or a dense layer: a window is a pixel of x. */
static inline int redsc_is_pointwise(const redsc_conv *conv) {
  return conv->kernel_height == 1 && conv->kernel_width == 1 && conv->stride_h == 1 && conv->stride_w == 1 &&
         conv->pad_top == 0 && conv->pad_left == 0;
}

#ifdef __cplusplus
}
#endif

#endif /* REDSC_CONV_PANEL_H */
