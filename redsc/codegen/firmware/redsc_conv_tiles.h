/*
 * redsc: the tiles of the convolution kernel; not for other users. This file carries no licence obligation.
 */
#ifndef REDSC_CONV_TILES_H
#define REDSC_CONV_TILES_H

#include "redsc_conv_panel.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * One tile: the rows of a block for the pixels of one panel. The tiles in assembly copy it to their stack and address
 * it there by the offsets at the right.
 */
typedef struct {
  const redsc_channel_pair *channels;     /*  0 */
  int8_t *y;                              /*  4 the first pixel's results */
  uint32_t step[3];                       /*  8 from there to those of the second, third and fourth pixel */
  const void *panel;                      /* 20 or, where there is none, the pixel in x */
  const void *stretch_end;                /* 24 where the unrolled loop ends, in the panel's first stretch */
  int32_t centre;                         /* 28 2 * output zero point + 1 */
  const void *channels_end;               /* 32 10 bytes per channel behind the first pair */
  uint32_t entry;                         /* 36 units of the unrolled loop that its first round leaves out */
  uint32_t after;                         /* 40 what follows the loop: + 1 a last group, + 2 more stretches */
  uint32_t stretch_bytes;                 /* 44 from a stretch of the panel to the next */
  uint32_t skip_bytes;                    /* 48 from a stretch of a packed row to the next */
  const void *panel_end;                  /* 52 */
  uint32_t pair_step;                     /* 56 from the end of a packed row, as far as it is read, to the next */
  const int8_t *weight;                   /* 60 */
  uint32_t offsets;                       /* 64 without a panel: minus the input zero point, as two int16 */
  uint32_t last_group;                    /* 68 without a panel: elements that are no whole group, padded with it */
  int rows;                               /* for plain C: up to channels_end */
} redsc_tile;

/* Of a window that lies in x in one piece. */
static inline uint32_t redsc_pixel_elements(const redsc_conv *conv) {
  return (uint32_t)conv->kernel_height * (uint32_t)conv->kernel_width * (uint32_t)conv->input_channels;
}

/* All rows for the first `count` pixels of a panel of `pixels` (or of x: 0, and count 1). */
void redsc_tile_portable(const redsc_conv *conv, const redsc_tile *tile, int pixels, int count);

/*
 * The same in assembly for REDSC_SHIFTS_RIGHT, without the clamp: results are saturated to int8. The tile of four
 * pixels writes all four, the last one first: where there are fewer, the steps of those that are missing lead to the
 * last one.
 */
typedef void redsc_assembly_tile(const redsc_tile *tile);

/* Those of one form of weights, by the pixels of the panel: straight from x, 1, 4. NULL on other cores. */
typedef struct {
  redsc_assembly_tile *none, *one, *four;
} redsc_conv_tiles;

/* redsc_conv_sums_s8 or redsc_conv_bytes_s8: layers of one form do not make a program link the tiles of the other. */
void redsc_conv_by_tiles(const redsc_conv *conv, const redsc_conv_tiles *tiles, const int8_t *x, int8_t *y,
                         void *scratch);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_CONV_TILES_H */
