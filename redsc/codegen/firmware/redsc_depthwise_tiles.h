/*
 * redsc: the inner loops of the planar depthwise convolution for cores with DSP instructions; not for other users.
 * This file carries no licence obligation.
 *
 * A plane holds one channel of a strip, less the zero point: word j of line i has the pixels 2j and 2j + 1 of the
 * line as int16, and lies j * lines + i words behind the beginning. What a tile reads are then neighbours, and one
 * step leads to the next tile whatever the size of the strip.
 */
#ifndef REDSC_DEPTHWISE_TILES_H
#define REDSC_DEPTHWISE_TILES_H

#include "redsc_rescale.h"

#if REDSC_DSP

#ifdef __cplusplus
extern "C" {
#endif

/* Distances are in bytes. The assembly works on its copy of a job, which the call has put on the stack. */
typedef struct {
  int32_t multiplier;
  int32_t rounding;   /* redsc_rounding */
  int32_t shift;
  int32_t next;       /* not for callers */
  int32_t pitch;      /* from a word of a plane to the next word of its line */
  int32_t end;        /* not for callers */
  int32_t bias;       /* doubled */
  int32_t pixel_step; /* from one result of a line to the next */
  int32_t line_step;  /* from one line of the result to the next */
  int32_t span;       /* what the whole pairs of results of a line step over in a plane */
  int32_t is_odd;     /* whether a single result follows these pairs */
  int32_t x, y, count; /* not for callers */
} redsc_tile_job;

/* How lines of an image become lines of four planes. */
typedef struct {
  int32_t pixel_step; /* from one pixel of a line to the next */
  int32_t line_step;  /* from one line to the next */
  int32_t pitch;      /* as above */
  int32_t plane;      /* from one plane to the next */
  int32_t pairs;      /* pixels that fill whole words */
  int32_t has_first;  /* whether a pixel comes before these: the upper half of a word */
  int32_t has_last;   /* whether a pixel comes after these: the lower half of a word */
  uint32_t outside;   /* four bytes of the zero point */
  uint32_t offsets;   /* the negative zero point as int16, twice */
  int32_t x, y;       /* not for callers */
} redsc_widening;

void redsc_widen_dsp(const int8_t *x, void *planes, redsc_widening *job, int32_t count);

/* One channel's results: `count` lines of a convolution with stride 1 or 2. */
typedef void redsc_tiles(const int8_t *weight, const void *plane, int8_t *y, int32_t count, redsc_tile_job job);
redsc_tiles redsc_stride_1_dsp, redsc_stride_2_dsp;

/* The same where the minimum is not below the output's zero point: that halves go away from zero is then of no
   account, as what is negative is clamped. */
redsc_tiles redsc_stride_1_relu_dsp, redsc_stride_2_relu_dsp;

#ifdef __cplusplus
}
#endif

#endif

#endif /* REDSC_DEPTHWISE_TILES_H */
