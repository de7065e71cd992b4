/*
 * redsc: from the shapes of a layer to the sizes of its convolution. This file carries no licence obligation.
 */
#include "redsc_arithmetic.h"
#include "redsc_conv_rows.h"

enum { REDSC_WORTH_A_PANEL = 3 }; /* pixels */

static int redsc_are_sizes(const int *sizes, int count) {
  int i;
  for (i = 0; i < count; ++i) {
    if (sizes[i] < 0 || sizes[i] > INT16_MAX) {
      return 0;
    }
  }
  return 1;
}

/* Of the elements that a layer reads of a tap: every stretch is filled up. */
static uint64_t redsc_groups_of_tap(const redsc_options *options) {
  uint64_t groups = 0;
  uint32_t i;
  for (i = 0; i < options->run_count; ++i) {
    const redsc_run run = redsc_run_at(options, i);
    groups += (uint64_t)run.count * ((run.length + 3) / 4);
  }
  return groups;
}

int redsc_are_rows_legal(const redsc_options *options, const redsc_sizes *sizes) {
  const int steps[] = {(int)options->stride_h,   (int)options->stride_w, (int)options->dilation_h,
                       (int)options->dilation_w, (int)options->pad_top,  (int)options->pad_left};
  if (!redsc_are_sizes(sizes->x, 4) || !redsc_are_sizes(sizes->weight, 3) || !redsc_are_sizes(sizes->y, 4) ||
      !redsc_are_sizes(steps, 6)) {
    return 0;
  }
  return redsc_groups_of_tap(options) * (uint32_t)(sizes->weight[1] * sizes->weight[2]) <=
         REDSC_MAX_ELEMENTS / REDSC_PANEL_BYTES;
}

redsc_conv_rows redsc_rows_of(const redsc_options *options, const redsc_sizes *sizes) {
  const int *x = sizes->x, *weight = sizes->weight, *y = sizes->y;
  redsc_conv_rows rows;
  redsc_conv *conv = &rows.conv;
  memset(&rows, 0, sizeof(rows));
  conv->batches = (int16_t)x[0];
  conv->input_height = (int16_t)x[1];
  conv->input_width = (int16_t)x[2];
  conv->input_channels = (int16_t)x[3];
  conv->kernel_height = (int16_t)weight[1];
  conv->kernel_width = (int16_t)weight[2];
  conv->output_height = (int16_t)y[1];
  conv->output_width = (int16_t)y[2];
  conv->output_channels = (int16_t)y[3];
  conv->stride_h = (int16_t)options->stride_h;
  conv->stride_w = (int16_t)options->stride_w;
  conv->dilation_h = (int16_t)options->dilation_h;
  conv->dilation_w = (int16_t)options->dilation_w;
  conv->pad_top = (int16_t)options->pad_top;
  conv->pad_left = (int16_t)options->pad_left;
  conv->input_zero_point = (int16_t)options->input_zero_point;
  conv->output_zero_point = (int16_t)options->output_zero_point;
  conv->minimum = (int16_t)options->minimum_s8;
  conv->maximum = (int16_t)options->maximum_s8;
  conv->pixels = (int32_t)y[0] * y[1] * y[2] < REDSC_WORTH_A_PANEL ? 0 : REDSC_TOGETHER;
  conv->taps_apart = 1;
  rows.options = options;
  rows.tap_bytes = (uint32_t)weight[3];
  rows.row_bytes = (uint32_t)(weight[1] * weight[2] * weight[3]);
  return rows;
}

uint32_t redsc_rows_scratch_bytes(const redsc_conv_rows *rows) {
  const uint32_t groups = (uint32_t)redsc_groups_of_tap(rows->options) * redsc_count_taps(&rows->conv);
  return rows->conv.pixels == 0 ? 0 : groups * REDSC_PANEL_BYTES;
}
