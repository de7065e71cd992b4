/*
 * redsc: convolutions over parts of plain rows of weights. This file carries no licence obligation.
 *
 * Row by row for the four pixels of a panel, or where there is none pixel by pixel for four rows.
 */
#include "redsc_conv_rows.h"

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
  const uint32_t taps = redsc_count_taps(conv);
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
      if (rows->is_pointwise) {
        next = redsc_put_lines(&piece->lines, image, piece->lines.parts, next, REDSC_TOGETHER);
      } else {
        next = redsc_put_window(conv, &piece->lines, image, at->row * conv->stride_h - conv->pad_top,
                                at->column * conv->stride_w - conv->pad_left, next, REDSC_TOGETHER);
      }
    }
    if (rows->is_pointwise) {
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
  int i;
  if (conv->rescale == REDSC_SHIFTS_RIGHT) {
    for (i = 0; i < count; ++i) {
      const int32_t doubled = redsc_signed((uint32_t)multiplier[i] << 1);
      const int32_t value = redsc_rescale(REDSC_SHIFTS_RIGHT, sums[i], doubled, -shift[i], point);
      y[i] = (int8_t)redsc_clamp(value, minimum, maximum);
    }
    return;
  }
  for (i = 0; i < count; ++i) {
    const uint32_t steps = (uint32_t)redsc_multiply(sums[i], multiplier[i], shift[i]);
    y[i] = (int8_t)redsc_clamp(redsc_signed(steps + (uint32_t)point), minimum, maximum);
  }
}

static redsc_panel_tile redsc_new_panel_tile(const redsc_conv_rows *rows, const uint32_t *panel) {
  const redsc_piece *first = &rows->first;
  redsc_panel_tile tile;
  memset(&tile, 0, sizeof(tile));
  tile.stretches = first->stretches;
  tile.panel = panel;
  tile.parameters = rows->parameters;
  tile.parameters_end = rows->parameters + rows->conv.output_channels;
  tile.parameter_bytes = 4 * (uint32_t)rows->conv.output_channels;
  tile.row_step = rows->row_bytes - first->stretches.count * first->step_bytes;
  tile.centre = 2 * rows->conv.output_zero_point + 1;
  tile.weight = rows->weight + first->place;
  return tile;
}

/* Row by row and piece by piece, for the first `count` pixels of a panel. */
static void redsc_run_each_row(const redsc_conv_rows *rows, redsc_panel_tile tile, int count) {
  const uint32_t *panel = tile.panel;
  const int channels = rows->conv.output_channels;
  int channel, i;
  for (channel = 0; channel < channels; ++channel) {
    const uint32_t bias = (uint32_t)rows->parameters[channel];
    const redsc_piece *piece = &rows->first;
    redsc_cursor cursor = rows->second;
    redsc_piece own;
    uint32_t sums[REDSC_TOGETHER] = {bias, bias, bias, bias};
    tile.panel = panel;
    for (; piece != NULL; piece = redsc_next_piece(rows, &cursor, &own)) {
      tile.stretches = piece->stretches;
      tile.weight = rows->weight + (uint32_t)channel * rows->row_bytes + piece->place;
      tile.panel = redsc_add_panel(&tile, sums);
    }
    for (i = 0; i < count; ++i) {
      redsc_put_results(rows, channel, &sums[i], 1, tile.y + i * channels + channel);
    }
  }
}

/* All rows; at once where there is assembly for it. */
static void redsc_run_panel(const redsc_conv_rows *rows, redsc_panel_tile *tile, int count, int8_t *y) {
  const redsc_conv *conv = &rows->conv;
  const uint32_t channels = (uint32_t)conv->output_channels;
  tile->y = y;
  if (!REDSC_DSP || conv->rescale != REDSC_SHIFTS_RIGHT || rows->second.run != rows->options->run_count) {
    redsc_run_each_row(rows, *tile, count);
    return;
  }
  tile->step[0] = count > 1 ? channels : 0;
  tile->step[1] = count > 2 ? 2 * channels : tile->step[0];
  tile->step[2] = count > 3 ? 3 * channels : tile->step[1];
  redsc_add_panel(tile, NULL);
  if (conv->minimum > INT8_MIN || conv->maximum < INT8_MAX) {
    redsc_clamp_all(y, count * conv->output_channels, conv->minimum, conv->maximum);
  }
}

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

static void redsc_set_pixel_tile(const redsc_conv_rows *rows, const redsc_inside *inside, const redsc_piece *piece,
                                 redsc_pixel_tile *tile) {
  tile->stretches = piece->stretches;
  tile->skip_x = piece->skip_x;
  if (redsc_count_taps(&rows->conv) > 1) {
    tile->stretches.count = (uint32_t)inside->taps.inside;
  }
}

/* What a pixel that is read where it is adds to four rows, kernel row by kernel row and piece by piece. The tile is
   that of the first piece, before and after. */
static void redsc_sum_pixel(const redsc_conv_rows *rows, const redsc_inside *inside, const int8_t *weight,
                            redsc_pixel_tile *tile, uint32_t *sums) {
  const redsc_conv *conv = &rows->conv;
  const int8_t *x = inside->x;
  int line;
  for (line = 0; line < inside->rows.inside; ++line) {
    redsc_add_pixel(tile, weight + rows->first.place, x, sums);
    if (rows->second.run != rows->options->run_count) {
      redsc_cursor cursor = rows->second;
      redsc_piece piece;
      while (redsc_next_piece(rows, &cursor, &piece) != NULL) {
        redsc_set_pixel_tile(rows, inside, &piece, tile);
        redsc_add_pixel(tile, weight + piece.place, x + piece.channel, sums);
      }
      redsc_set_pixel_tile(rows, inside, &rows->first, tile);
    }
    weight += (uint32_t)conv->kernel_width * rows->tap_bytes;
    x += (uint32_t)(conv->dilation_h * conv->input_width) * (uint32_t)conv->input_channels;
  }
}

/* Four rows at a time; of the last ones those that are not there are the first one again. */
static void redsc_run_pixel(const redsc_conv_rows *rows, const redsc_position *at, int8_t *y) {
  const redsc_inside inside = redsc_find_inside(&rows->conv, at);
  const uint32_t first = (uint32_t)(inside.rows.before * rows->conv.kernel_width + inside.taps.before);
  const int8_t *weight = rows->weight + first * rows->tap_bytes;
  const int channels = rows->conv.output_channels;
  redsc_pixel_tile tile;
  int channel, count, i;
  redsc_set_pixel_tile(rows, &inside, &rows->first, &tile);
  tile.offsets = redsc_offsets(&rows->conv);
  for (channel = 0; channel < channels; channel += count) {
    uint32_t sums[REDSC_TOGETHER] = {0, 0, 0, 0};
    count = channels - channel < REDSC_TOGETHER ? channels - channel : REDSC_TOGETHER;
    for (i = 0; i < REDSC_TOGETHER - 1; ++i) {
      tile.row[i] = i + 1 < count ? (uint32_t)(i + 1) * rows->row_bytes : 0;
    }
    memcpy(sums, rows->parameters + channel, (size_t)count * sizeof(sums[0]));
    redsc_sum_pixel(rows, &inside, weight, &tile, sums);
    redsc_put_results(rows, channel, sums, count, y + channel);
    weight += REDSC_TOGETHER * rows->row_bytes;
  }
}

/* REDSC_SHIFTS_RIGHT where that is right for all channels (are_shifts_right in redsc/engine/linear). */
static uint8_t redsc_shifts_of(const redsc_conv_rows *rows) {
  const int32_t channels = rows->conv.output_channels, most_bias = 1 << 29;
  const uint32_t most_terms = (1u << 28) / (255 * 128);
  const int32_t *bias = rows->parameters, *multiplier = bias + channels, *shift = multiplier + channels;
  int32_t i;
  if (redsc_count_taps(&rows->conv) * rows->options->depth > most_terms) {
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
  rows->is_pointwise = redsc_is_pointwise(conv) && conv->output_height == conv->input_height &&
                       conv->output_width == conv->input_width; /* a file may ask for more */
  redsc_next_piece(rows, &rows->second, &rows->first);
  tile = redsc_new_panel_tile(rows, (const uint32_t *)scratch);
  for (; left > 0; left -= count) {
    if (conv->pixels == 0) {
      redsc_run_pixel(rows, &at, y);
      redsc_advance(conv, &at);
    } else {
      count = left < REDSC_TOGETHER ? (int)left : REDSC_TOGETHER;
      redsc_put_panel(rows, &at, count, (uint32_t *)scratch);
      redsc_run_panel(rows, &tile, count, y);
    }
    y += count * conv->output_channels;
  }
}
