/*
 * redsc: convolutions over parts of plain rows of weights. This file carries no licence obligation.
 *
 * Row by row for the four pixels of a panel, or where there is none pixel by pixel for four rows.
 */
#include "redsc_conv_rows.h"

#include "redsc_arithmetic.h"

enum { REDSC_WORTH_A_PANEL = 3, REDSC_TOGETHER = 4, REDSC_PANEL_BYTES = 8 * REDSC_TOGETHER /* of a group */ };

static uint32_t redsc_taps(const redsc_conv *conv) {
  return (uint32_t)conv->kernel_height * (uint32_t)conv->kernel_width;
}

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
  const uint32_t groups = (uint32_t)redsc_groups_of_tap(rows->options) * redsc_taps(&rows->conv);
  return rows->conv.pixels == 0 ? 0 : groups * REDSC_PANEL_BYTES;
}

static void redsc_set_piece(const redsc_conv *conv, redsc_piece *piece, uint32_t length, uint32_t count) {
  const uint32_t group_bytes = conv->pixels == 0 ? 4 : REDSC_PANEL_BYTES;
  piece->stretches.entry = redsc_entry(length / 4);
  piece->stretches.bytes = length / 4 * group_bytes;
  piece->stretches.rest = length % 4;
  piece->stretches.skip_bytes = piece->step_bytes - length;
  piece->stretches.count = count;
}

/* Makes the next piece and returns it, or NULL after the last one. */
static const redsc_piece *redsc_next_piece(const redsc_conv_rows *rows, redsc_cursor *at, redsc_piece *piece) {
  const redsc_conv *conv = &rows->conv;
  const uint32_t taps = redsc_taps(conv);
  redsc_run run;
  if (at->run == rows->options->run_count) {
    return NULL;
  }
  run = at->run == 0 ? rows->options->first_run : redsc_run_at(rows->options, at->run);
  piece->channel = at->channel;
  piece->place = run.start + at->part * run.stride;
  if (taps == 1) {
    piece->step_bytes = run.stride;
    piece->skip_x = 0;
    redsc_set_piece(conv, piece, run.length, run.count);
    piece->lines = redsc_lines_of(conv, (int)run.length, (int)run.count);
    at->part = run.count - 1;
    at->channel += run.length * (run.count - 1);
  } else {
    piece->step_bytes = rows->tap_bytes;
    piece->skip_x = (uint32_t)(conv->dilation_w * conv->input_channels) - run.length;
    redsc_set_piece(conv, piece, run.length, taps);
    piece->lines = redsc_lines_of(conv, (int)run.length, 1);
  }
  at->channel += run.length;
  if (++at->part == run.count) {
    at->part = 0;
    ++at->run;
  }
  return piece;
}

/* The first `count` columns of a panel, all of them at once or a piece after the other. */
static void redsc_put_panel(const redsc_conv_rows *rows, redsc_position *at, int count, uint32_t *panel) {
  const redsc_conv *conv = &rows->conv;
  int i;
  for (i = 0; i < count; ++i) {
    const redsc_piece *piece = &rows->first;
    redsc_cursor cursor = rows->second;
    redsc_piece own;
    uint32_t *next = panel + i;
    for (; piece != NULL; piece = redsc_next_piece(rows, &cursor, &own)) {
      const int8_t *image = at->image + piece->channel;
      if (redsc_is_pointwise(conv)) {
        next = redsc_put_lines(&piece->lines, image, piece->lines.parts, next, REDSC_TOGETHER);
      } else {
        next = redsc_put_window(conv, &piece->lines, image, at->row * conv->stride_h - conv->pad_top,
                                at->column * conv->stride_w - conv->pad_left, next, REDSC_TOGETHER);
      }
    }
    if (redsc_is_pointwise(conv)) {
      at->image += conv->input_channels;
    } else {
      redsc_advance(conv, at);
    }
  }
}

/* Results of neighbouring channels. */
static void redsc_put_results(const redsc_conv_rows *rows, int channel, const uint32_t *sums, int count, int8_t *y) {
  const redsc_conv *conv = &rows->conv;
  const int32_t *multiplier = rows->parameters + conv->output_channels + channel;
  const int32_t *shift = multiplier + conv->output_channels;
  const int32_t point = conv->output_zero_point, minimum = conv->minimum, maximum = conv->maximum;
  const int shifts = conv->rescale;
  int i;
  for (i = 0; i < count; ++i) {
    const int32_t doubled = redsc_signed((uint32_t)multiplier[i] << 1);
    y[i] = (int8_t)redsc_clamp(redsc_rescale(shifts, sums[i], doubled, -shift[i], point), minimum, maximum);
  }
}

static void redsc_set_panel_tile(const redsc_conv_rows *rows, const redsc_piece *piece, redsc_panel_tile *tile) {
  tile->stretches = piece->stretches;
  tile->weight = rows->weight + piece->place;
}

/* Row by row and piece by piece, for the first `count` pixels of a panel. */
static void redsc_run_each_row(const redsc_conv_rows *rows, redsc_panel_tile *tile, int count) {
  const uint32_t *panel = tile->panel;
  const int channels = rows->conv.output_channels;
  int channel, i;
  for (channel = 0; channel < channels; ++channel) {
    const uint32_t bias = (uint32_t)rows->parameters[channel];
    const redsc_piece *piece = &rows->first;
    redsc_cursor cursor = rows->second;
    redsc_piece own;
    uint32_t sums[REDSC_TOGETHER] = {bias, bias, bias, bias};
    tile->panel = panel;
    for (; piece != NULL; piece = redsc_next_piece(rows, &cursor, &own)) {
      redsc_set_panel_tile(rows, piece, tile);
      tile->weight += (uint32_t)channel * rows->row_bytes;
      tile->panel = redsc_add_panel(tile, sums);
    }
    for (i = 0; i < count; ++i) {
      redsc_put_results(rows, channel, &sums[i], 1, tile->y + i * channels + channel);
    }
  }
}

#if REDSC_DSP

static void redsc_run_all_rows(const redsc_conv_rows *rows, redsc_panel_tile *tile, int count) {
  const redsc_conv *conv = &rows->conv;
  const uint32_t channels = (uint32_t)conv->output_channels;
  if (conv->rescale != REDSC_SHIFTS_RIGHT || rows->second.run != rows->options->run_count) {
    redsc_run_each_row(rows, tile, count);
    return;
  }
  redsc_set_panel_tile(rows, &rows->first, tile);
  tile->step[0] = count > 1 ? channels : 0;
  tile->step[1] = count > 2 ? 2 * channels : tile->step[0];
  tile->step[2] = count > 3 ? 3 * channels : tile->step[1];
  tile->parameters = rows->parameters;
  tile->parameters_end = rows->parameters + channels;
  tile->parameter_bytes = 4 * channels;
  tile->row_step = rows->row_bytes - rows->first.stretches.count * rows->first.step_bytes;
  tile->centre = 2 * conv->output_zero_point + 1;
  redsc_add_panel(tile, NULL);
  if (conv->minimum > INT8_MIN || conv->maximum < INT8_MAX) {
    redsc_clamp_all(tile->y, count * conv->output_channels, conv->minimum, conv->maximum);
  }
}

#else

static void redsc_run_all_rows(const redsc_conv_rows *rows, redsc_panel_tile *tile, int count) {
  redsc_run_each_row(rows, tile, count);
}

#endif

/* The taps of a window that lie inside the image, and the first of them. */
typedef struct {
  redsc_range rows, taps;
  const int8_t *x;
} redsc_inside;

static redsc_inside redsc_find_inside(const redsc_conv *conv, const redsc_position *at) {
  const int row = at->row * conv->stride_h - conv->pad_top, column = at->column * conv->stride_w - conv->pad_left;
  redsc_inside inside;
  inside.rows = redsc_steps_inside(row, conv->dilation_h, conv->kernel_height, conv->input_height);
  inside.taps = redsc_steps_inside(column, conv->dilation_w, conv->kernel_width, conv->input_width);
  if (inside.rows.inside == 0 || inside.taps.inside == 0) {
    inside.rows.before = inside.rows.inside = inside.taps.before = 0;
    inside.x = at->image;
  } else {
    const int above = row + inside.rows.before * conv->dilation_h;
    const int left = column + inside.taps.before * conv->dilation_w;
    inside.x = at->image + (above * conv->input_width + left) * conv->input_channels;
  }
  return inside;
}

/* Four rows; those that are not there are the first one again. */
static void redsc_set_rows(const redsc_conv_rows *rows, int channel, redsc_pixel_tile *tile, uint32_t *sums) {
  const int32_t *bias = rows->parameters + channel;
  const int left = rows->conv.output_channels - channel;
  int i;
  sums[0] = (uint32_t)bias[0];
  for (i = 1; i < REDSC_TOGETHER; ++i) {
    sums[i] = (uint32_t)bias[i < left ? i : 0];
    tile->row[i - 1] = i < left ? (uint32_t)i * rows->row_bytes : 0;
  }
}

/* What a pixel that is read where it is adds to four rows, kernel row by kernel row and piece by piece. */
static void redsc_sum_pixel(const redsc_conv_rows *rows, const redsc_inside *inside, const int8_t *weight,
                            redsc_pixel_tile *tile, uint32_t *sums) {
  const redsc_conv *conv = &rows->conv;
  const uint32_t x_step = (uint32_t)(conv->dilation_h * conv->input_width) * (uint32_t)conv->input_channels;
  const int8_t *x = inside->x;
  int line;
  for (line = 0; line < inside->rows.inside; ++line) {
    const redsc_piece *piece = &rows->first;
    redsc_cursor cursor = rows->second;
    redsc_piece own;
    for (; piece != NULL; piece = redsc_next_piece(rows, &cursor, &own)) {
      tile->stretches = piece->stretches;
      tile->skip_x = piece->skip_x;
      if (redsc_taps(conv) > 1) {
        tile->stretches.count = (uint32_t)inside->taps.inside;
      }
      redsc_add_pixel(tile, weight + piece->place, x + piece->channel, sums);
    }
    weight += (uint32_t)conv->kernel_width * rows->tap_bytes;
    x += x_step;
  }
}

static void redsc_run_pixel(const redsc_conv_rows *rows, const redsc_position *at, int8_t *y) {
  const redsc_inside inside = redsc_find_inside(&rows->conv, at);
  const uint32_t first = (uint32_t)(inside.rows.before * rows->conv.kernel_width + inside.taps.before);
  const int8_t *weight = rows->weight + first * rows->tap_bytes;
  const int channels = rows->conv.output_channels;
  redsc_pixel_tile tile;
  int channel;
  tile.offsets = redsc_offsets(&rows->conv);
  for (channel = 0; channel < channels; channel += REDSC_TOGETHER) {
    uint32_t sums[REDSC_TOGETHER];
    redsc_set_rows(rows, channel, &tile, sums);
    redsc_sum_pixel(rows, &inside, weight, &tile, sums);
    redsc_put_results(rows, channel, sums, channels - channel < REDSC_TOGETHER ? channels - channel : REDSC_TOGETHER,
                      y + channel);
    weight += REDSC_TOGETHER * rows->row_bytes;
  }
}

/* REDSC_SHIFTS_RIGHT where that is right for all channels (are_shifts_right in redsc/engine/pack_depthwise.py). */
static uint8_t redsc_shifts_of(const redsc_conv_rows *rows) {
  const int32_t channels = rows->conv.output_channels, most_bias = 1 << 29;
  const uint32_t most_terms = (1u << 28) / (255 * 128);
  const int32_t *bias = rows->parameters, *multiplier = bias + channels, *shift = multiplier + channels;
  int32_t i;
  if (redsc_taps(&rows->conv) * rows->options->depth > most_terms) {
    return REDSC_SHIFTS_ANY;
  }
  for (i = 0; i < channels; ++i) {
    if (multiplier[i] < 1 << 30 || shift[i] > -1 || shift[i] < -21 || bias[i] > most_bias || bias[i] < -most_bias) {
      return REDSC_SHIFTS_ANY;
    }
  }
  return REDSC_SHIFTS_RIGHT;
}

void redsc_run_rows(redsc_conv_rows *rows, const int8_t *weight, const int32_t *parameters, const int8_t *x, int8_t *y,
                    void *scratch) {
  const redsc_conv *conv = &rows->conv;
  int32_t left = (int32_t)conv->batches * conv->output_height * conv->output_width;
  redsc_position at = {x, 0, 0};
  redsc_panel_tile tile;
  int count = 1;
  rows->weight = weight;
  rows->parameters = parameters;
  rows->conv.rescale = redsc_shifts_of(rows);
  redsc_next_piece(rows, &rows->second, &rows->first);
  for (; left > 0; left -= count) {
    if (conv->pixels == 0) {
      redsc_run_pixel(rows, &at, y);
      redsc_advance(conv, &at);
    } else {
      count = left < REDSC_TOGETHER ? (int)left : REDSC_TOGETHER;
      redsc_put_panel(rows, &at, count, (uint32_t *)scratch);
      tile.panel = (const uint32_t *)scratch;
      tile.y = y;
      redsc_run_all_rows(rows, &tile, count);
    }
    y += count * conv->output_channels;
  }
}
