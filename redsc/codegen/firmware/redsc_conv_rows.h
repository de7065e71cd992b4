/*
 * redsc: int8 convolutions over plain rows of weights; not for other users. This file carries no licence obligation.
 *
 * The form of weights beside those of redsc_conv.h: rows of int8 one after the other, at any address, as TFLite has
 * them ([O, KH, KW, D]). Of the D elements of a tap the layer reads those in its runs (redsc_kernels.h). A dense layer
 * is a 1x1 convolution whose pixels are the rows of x.
 */
#ifndef REDSC_CONV_ROWS_H
#define REDSC_CONV_ROWS_H

#include "redsc_conv_panel.h"
#include "redsc_kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { REDSC_TOGETHER = 4, REDSC_PANEL_BYTES = 8 * REDSC_TOGETHER /* of a group of four elements */ };

static inline uint32_t redsc_count_taps(const redsc_conv *conv) {
  return (uint32_t)conv->kernel_height * (uint32_t)conv->kernel_width;
}

/* Stretches of a weight row at even distances. Assembly reads this and what contains it by the order of the words. */
typedef struct {
  uint32_t entry;      /* groups of four elements that the first round of the unrolled loop leaves out */
  uint32_t bytes;      /* of the whole groups of a stretch: in the panel, or in x */
  uint32_t rest;       /* elements of a stretch that are no whole group */
  uint32_t skip_bytes; /* from the end of a stretch of weights to the next one */
  uint32_t count;
} redsc_stretches;

/* Stretches of x, and of a weight row: as many channels of every tap, or the parts of a run in the only tap. */
typedef struct {
  uint32_t channel, place; /* the first one, and its first weight in a row */
  redsc_stretches stretches;
  uint32_t step_bytes, skip_x;
  redsc_lines lines; /* where x is widened */
} redsc_piece;

/* The run, the part of it and the channel with which the next piece begins. */
typedef struct {
  uint32_t run, part, channel;
} redsc_cursor;

typedef struct {
  redsc_conv conv; /* taps_apart is 1; what is of packed rows is not read */
  const redsc_options *options;
  uint32_t tap_bytes, row_bytes; /* of weights: from a tap to the next one, from a row to the next one */
  const int8_t *weight;
  const int32_t *parameters; /* biases, multipliers and shifts of all channels */
  redsc_piece first;         /* most layers have no other */
  redsc_cursor second;
  int is_pointwise;          /* windows are the pixels of x */
} redsc_conv_rows;

/* [batches, height, width, channels], and of the weights [rows, height, width, depth]. */
typedef struct {
  const int *x, *weight, *y;
} redsc_sizes;

/* Whether sizes that fit one another fit into a redsc_conv too, and the scratch into an int. */
int redsc_are_rows_legal(const redsc_options *options, const redsc_sizes *sizes);

/* A layer with such sizes; redsc_run_rows adds what is not there yet. */
redsc_conv_rows redsc_rows_of(const redsc_options *options, const redsc_sizes *sizes);

/* The panel of four pixels; 0 where there are less than three, which are read where they are. */
uint32_t redsc_rows_scratch_bytes(const redsc_conv_rows *rows);

/*
 * Order: as redsc_conv.h with 4 pixels where there is a scratch. Without one pixel by pixel: four channels of y are
 * written after the window was read for them.
 */
void redsc_run_rows(redsc_conv_rows *rows, const int8_t *weight, const int32_t *parameters, const int8_t *x, int8_t *y,
                    void *scratch);

/* Rows for the four pixels of a panel. */
typedef struct {
  int8_t *y;
  uint32_t step[3]; /* from y to the results of the second, third and fourth pixel */
  redsc_stretches stretches;
  const uint32_t *panel;
  const int32_t *parameters, *parameters_end; /* the biases, and where those of these rows end */
  uint32_t parameter_bytes;                   /* from a bias to the multiplier, and from there to the shift */
  uint32_t row_step;                          /* from where the stretches of a row end to the next row's */
  int32_t centre;                             /* 2 * output zero point + 1 */
  const int8_t *weight;
} redsc_panel_tile;

/*
 * Adds the products of a piece of one row to the sums of four pixels and returns where the panel goes on. Without sums,
 * where there is assembly: makes the results of all rows, for REDSC_SHIFTS_RIGHT and saturated to int8; those of pixels
 * that are not there go where the steps lead, before the others.
 */
const uint32_t *redsc_add_panel(const redsc_panel_tile *tile, uint32_t *sums);

/* Four rows for a pixel of x. */
typedef struct {
  redsc_stretches stretches;
  uint32_t skip_x;  /* from the end of a stretch of x to the next one */
  uint32_t offsets; /* minus the input zero point, as two int16 */
  uint32_t row[3];  /* bytes from the first row to three others */
} redsc_pixel_tile;

/* Adds the products of a piece of the rows to their sums. */
void redsc_add_pixel(const redsc_pixel_tile *tile, const int8_t *weight, const int8_t *x, uint32_t *sums);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_CONV_ROWS_H */
