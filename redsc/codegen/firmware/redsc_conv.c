/*
 * redsc: the loops around the tiles of the convolution kernel. This file carries no licence obligation.
 */
#include <string.h>

#include "redsc_conv_tiles.h"

/* Channels of a layer that are computed together for all pixels. */
typedef struct {
  int first, count;
} redsc_block;

#if REDSC_DSP

static void redsc_clamp_tile(const redsc_conv *conv, const redsc_tile *tile, int count) {
  int8_t *y = tile->y;
  for (; count > 0; --count) {
    redsc_clamp_all(y, tile->rows, conv->minimum, conv->maximum);
    y += conv->output_channels;
  }
}

static void redsc_run_tile(const redsc_conv *conv, const redsc_conv_tiles *tiles, const redsc_tile *tile, int pixels,
                           int count) {
  if (conv->rescale != REDSC_SHIFTS_RIGHT) {
    redsc_tile_portable(conv, tile, pixels, count);
    return;
  }
  (pixels == 4 ? tiles->four : pixels == 1 ? tiles->one : tiles->none)(tile);
  if (conv->minimum > INT8_MIN || conv->maximum < INT8_MAX) {
    redsc_clamp_tile(conv, tile, count);
  }
}

#else

static void redsc_run_tile(const redsc_conv *conv, const redsc_conv_tiles *tiles, const redsc_tile *tile, int pixels,
                           int count) {
  (void)tiles;
  redsc_tile_portable(conv, tile, pixels, count);
}

#endif

static redsc_tile redsc_new_tile(const redsc_conv *conv, redsc_block block, int8_t *y) {
  redsc_tile tile;
  memset(&tile, 0, sizeof(tile));
  tile.channels = conv->channels + block.first / 2;
  tile.y = y + block.first;
  tile.centre = 2 * conv->output_zero_point + 1;
  tile.channels_end = (const int8_t *)tile.channels + block.count * ((int)sizeof(redsc_channel_pair) / 2);
  tile.skip_bytes = conv->skip_bytes;
  tile.pair_step =
      conv->pair_bytes - conv->segments * conv->segment_bytes - (conv->segments - 1u) * conv->skip_bytes;
  tile.weight = conv->weight + (uint32_t)block.first / 2 * conv->pair_bytes;
  tile.rows = block.count;
  return tile;
}

/* A panel of `pixels`, of which `count` are there. A unit is a group, or two with one pixel. */
static void redsc_set_panel(const redsc_conv *conv, redsc_tile *tile, const uint32_t *panel, int pixels, int count) {
  const uint32_t words = conv->segment_bytes / 4 * (uint32_t)pixels, groups = conv->segment_bytes / 8;
  const uint32_t units = pixels == 1 ? groups / 2 : groups, odd = pixels == 1 ? groups % 2 : 0;
  const uint32_t channels = (uint32_t)conv->output_channels;
  tile->panel = panel;
  tile->stretch_end = panel + words - 2 * odd;
  tile->panel_end = panel + conv->segments * words;
  tile->stretch_bytes = 4 * words;
  tile->entry = redsc_entry(units);
  tile->after = odd + (conv->segments > 1 ? 2u : 0u);
  tile->step[0] = channels;
  tile->step[1] = count > 2 ? 2 * channels : channels;
  tile->step[2] = count > 3 ? 3 * channels : tile->step[1];
}

/* Windows that lie in x one after the other are read there. */
static void redsc_conv_without_panel(const redsc_conv *conv, const redsc_conv_tiles *tiles, redsc_block block,
                                     const int8_t *x, int8_t *y, int32_t pixels) {
  const uint32_t elements = redsc_pixel_elements(conv), stretch = elements / conv->segments, rest = elements % 4;
  const uint32_t filling = redsc_filling(conv, rest);
  redsc_tile tile = redsc_new_tile(conv, block, y);
  tile.entry = redsc_entry(stretch / 4);
  tile.after = (rest != 0 ? 1u : 0u) + (conv->segments > 1 ? 2u : 0u);
  tile.stretch_bytes = stretch;
  tile.offsets = redsc_offsets(conv);
  for (; pixels > 0; --pixels) {
    tile.panel = x;
    tile.stretch_end = x + (stretch & ~3u);
    tile.panel_end = x + elements;
    if (rest != 0) {
      tile.last_group = redsc_get_rest(x + (elements & ~3u), rest, filling);
    }
    redsc_run_tile(conv, tiles, &tile, 0, 1);
    x += elements;
    tile.y += conv->output_channels;
  }
}

static void redsc_conv_block(const redsc_conv *conv, const redsc_conv_tiles *tiles, redsc_block block, const int8_t *x,
                             int8_t *y, void *scratch) {
  const int is_pointwise = redsc_is_pointwise(conv);
  int32_t left = (int32_t)conv->batches * conv->output_height * conv->output_width;
  uint32_t *panel = (uint32_t *)scratch;
  redsc_position at = {x, 0, 0};
  redsc_lines lines;
  redsc_tile tile;
  int pixels = 0, count, i;
  if (conv->pixels == 0) {
    redsc_conv_without_panel(conv, tiles, block, x, y, left);
    return;
  }
  lines = redsc_lines_of(conv, conv->input_channels, 1);
  tile = redsc_new_tile(conv, block, y);
  for (; left > 0; left -= count) {
    count = left < conv->pixels ? (int)left : conv->pixels;
    if (pixels == 0 || count != pixels) {
      pixels = count == 1 ? 1 : 4;
      redsc_set_panel(conv, &tile, panel, pixels, count);
    }
    for (i = 0; i < count; ++i) {
      if (is_pointwise) {
        redsc_put_lines(&lines, at.image, 1, panel + i, pixels);
        at.image += conv->input_channels;
      } else {
        redsc_put_window(conv, &lines, at.image, at.row * conv->stride_h - conv->pad_top,
                         at.column * conv->stride_w - conv->pad_left, panel + i, pixels);
        redsc_advance(conv, &at);
      }
    }
    redsc_run_tile(conv, tiles, &tile, pixels, count);
    tile.y += count * conv->output_channels;
  }
}

void redsc_conv_by_tiles(const redsc_conv *conv, const redsc_conv_tiles *tiles, const int8_t *x, int8_t *y,
                         void *scratch) {
  const int channels = conv->output_channels, step = conv->block_channels != 0 ? conv->block_channels : channels;
  redsc_block block;
  for (block.first = 0; block.first < channels; block.first += step) {
    block.count = channels - block.first < step ? channels - block.first : step;
    redsc_conv_block(conv, tiles, block, x, y, scratch);
  }
}
