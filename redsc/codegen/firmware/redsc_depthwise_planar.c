/*
 * redsc: depthwise convolution of 3x3 by way of planes in scratch. This file carries no licence obligation.
 *
 * "Along" is the axis of the image along which strips and their lines run, "across" the other one.
 */
#include "redsc_depthwise.h"
#include "redsc_depthwise_tiles.h"

enum { TAPS = 3, GROUP = 4 };

/* A call in terms of lines. Distances are in elements. */
typedef struct {
  const redsc_depthwise *layer;
  int stride, along_in, along_out, across_in, across_out, pad_along, pad_across;
  int x_pixel, x_line, y_pixel, y_line;    /* from one to the next */
  int lines, words;                        /* of a plane: input lines of a strip, words of a line */
  int pitch, plane;                        /* from one word of a line to the next, from one plane to the next */
  int16_t *planes;
#if REDSC_DSP
  redsc_tiles *tiles;
  redsc_tile_job job;
  redsc_widening widening;
#endif
} redsc_strips;

static int redsc_least(int a, int b) { return a < b ? a : b; }

static void redsc_measure(redsc_strips *strips, const redsc_depthwise *layer, void *scratch) {
  const int channels = layer->input_channels, is_swapped = layer->is_swapped;
  const int x_row = layer->input_width * channels, y_row = layer->output_width * channels;
  strips->layer = layer;
  strips->stride = layer->stride_w;
  strips->along_in = is_swapped ? layer->input_height : layer->input_width;
  strips->along_out = is_swapped ? layer->output_height : layer->output_width;
  strips->across_in = is_swapped ? layer->input_width : layer->input_height;
  strips->across_out = is_swapped ? layer->output_width : layer->output_height;
  strips->pad_along = is_swapped ? layer->pad_top : layer->pad_left;
  strips->pad_across = is_swapped ? layer->pad_left : layer->pad_top;
  strips->x_pixel = is_swapped ? x_row : channels;
  strips->x_line = is_swapped ? channels : x_row;
  strips->y_pixel = is_swapped ? y_row : channels;
  strips->y_line = is_swapped ? channels : y_row;
  strips->lines = (layer->strip_rows - 1) * strips->stride + TAPS;
  /* Pairs of results, and what the last one's windows end with: with the pad no line of the image is longer. */
  strips->words = (strips->along_out + 1) / 2 * strips->stride + 1;
  strips->pitch = 2 * strips->lines;
  strips->plane = strips->words * strips->pitch;
  strips->planes = (int16_t *)scratch;
}

/* Two pixels; one load and one store where cores allow it. */
static void redsc_copy_word(int16_t *to, const int16_t *from) {
  uint32_t word;
  memcpy(&word, from, sizeof(word));
  memcpy(to, &word, sizeof(word));
}

static void redsc_clear_line(const redsc_strips *strips, int line) {
  int16_t *y = strips->planes + 2 * line;
  int i;
  for (i = GROUP * strips->words; i > 0; --i) {
    y[0] = y[1] = 0;
    y += strips->pitch;
  }
}

/* Line `to` becomes what line `to` + `distance` is; four planes have four times the columns of one. */
static void redsc_move_line(const redsc_strips *strips, int to, int distance) {
  const int pitch = strips->pitch, from = 2 * distance;
  int16_t *y = strips->planes + 2 * to;
  int i;
  for (i = strips->words; i > 0; --i) {
    redsc_copy_word(y, y + from);
    y += pitch;
    redsc_copy_word(y, y + from);
    y += pitch;
    redsc_copy_word(y, y + from);
    y += pitch;
    redsc_copy_word(y, y + from);
    y += pitch;
  }
}

/* `count` lines of the image into the planes, from `line` on; `x` is their first pixel, of which `channels` are
   read. */
static void redsc_widen(const redsc_strips *strips, const int8_t *x, int line, int count, int channels) {
  const int zero_point = strips->layer->input_zero_point, end = strips->pad_along + strips->along_in;
  int i, n, channel;
  for (i = 0; i < count; ++i) {
    for (channel = 0; channel < channels; ++channel) {
      const int8_t *pixel = x + i * strips->x_line + channel;
      int16_t *y = strips->planes + 2 * (line + i) + channel * strips->plane;
      for (n = strips->pad_along; n < end; ++n) {
        y[n & 1] = (int16_t)(*pixel - zero_point);
        y += (n & 1) != 0 ? strips->pitch : 0;
        pixel += strips->x_pixel;
      }
    }
  }
}

/* A kernel's three taps at three pixels of each of three lines. */
static inline uint32_t redsc_products(const int8_t *weight, const int16_t *a, const int16_t *b, const int16_t *c) {
  int32_t sum = a[0] * weight[0] + b[0] * weight[1] + c[0] * weight[2];
  sum += a[2] * weight[3] + b[2] * weight[4] + c[2] * weight[5];
  return (uint32_t)(sum + a[4] * weight[6] + b[4] * weight[7] + c[4] * weight[8]);
}

static int8_t redsc_result(const redsc_depthwise *layer, const redsc_channel_pair *pair, int which, uint32_t sum) {
  return (int8_t)redsc_saturate_s8(redsc_rescale(layer->shifts, sum + (uint32_t)pair->bias[which],
                                                 pair->doubled[which], pair->shift[which],
                                                 layer->output_zero_point));
}

#if REDSC_DSP /* what this one spills would lie in the frame of every call */
static void redsc_convolve(const redsc_strips *strips, const int16_t *plane, int8_t *y, int channel, int count)
    __attribute__((noinline));
#endif

/* `count` lines of results of one channel; `plane` is where the first one's windows begin. */
static void redsc_convolve(const redsc_strips *strips, const int16_t *plane, int8_t *y, int channel, int count) {
  const redsc_depthwise *layer = strips->layer;
  const redsc_channel_pair *pair = &layer->channels[channel >> 1];
  const int8_t *weight = layer->weight + channel * TAPS * TAPS;
  const int which = channel & 1, pitch = strips->pitch;
  int line, n;
  for (line = 0; line < count; ++line) {
    const int16_t *x = plane + 2 * line * strips->stride;
    int8_t *to = y + line * strips->y_line;
    for (n = 0; n < strips->along_out; ++n) {
      if (strips->stride == 2 || (n & 1) == 0) {
        *to = redsc_result(layer, pair, which, redsc_products(weight, x, x + 1, x + pitch));
      } else {
        *to = redsc_result(layer, pair, which, redsc_products(weight, x + 1, x + pitch, x + pitch + 1));
      }
      x += strips->stride == 2 || (n & 1) != 0 ? pitch : 0;
      to += strips->y_pixel;
    }
  }
}

#if REDSC_DSP

static void redsc_prepare_widening(redsc_strips *strips) {
  const uint32_t zero_point = (uint32_t)strips->layer->input_zero_point, offset = (0u - zero_point) & 0xFFFFu;
  const int inner = strips->along_in - strips->pad_along;
  redsc_widening *job = &strips->widening;
  job->pixel_step = strips->x_pixel;
  job->line_step = strips->x_line;
  job->pitch = 2 * strips->pitch;
  job->plane = 2 * strips->plane;
  job->pairs = inner >> 1;
  job->has_first = strips->pad_along;
  job->has_last = inner & 1;
  job->outside = (zero_point & 0xFFu) * 0x01010101u;
  job->offsets = offset | (offset << 16);
}

static void redsc_prepare(redsc_strips *strips) {
  const int is_relu = strips->layer->minimum >= strips->layer->output_zero_point;
  redsc_tile_job *job = &strips->job;
  memset(job, 0, sizeof(*job));
  job->pitch = 2 * strips->pitch;
  job->pixel_step = strips->y_pixel;
  job->line_step = strips->y_line;
  job->span = strips->along_out / 2 * strips->stride * job->pitch;
  job->is_odd = strips->along_out & 1;
  if (strips->stride == 1) {
    strips->tiles = is_relu ? redsc_stride_1_relu_dsp : redsc_stride_1_dsp;
  } else {
    strips->tiles = is_relu ? redsc_stride_2_relu_dsp : redsc_stride_2_dsp;
  }
  redsc_prepare_widening(strips);
}

/* With less than four channels, four bytes of the image's last pixel would end behind it; with one channel, those of
   the two before as well, which may lie in other lines. */
static void redsc_widen_group(redsc_strips *strips, const int8_t *x, int line, int count, int channels, int is_last) {
  const int is_narrow = strips->layer->input_channels == 1;
  const int slow = is_narrow ? count : channels < GROUP && is_last ? 1 : 0, fast = count - slow;
  if (fast > 0) {
    redsc_widen_dsp(x, strips->planes + 2 * line, &strips->widening, fast);
  }
  redsc_widen(strips, x + fast * strips->x_line, line + fast, slow, channels);
}

static void redsc_convolve_group(redsc_strips *strips, int8_t *y, int channel, int channels, int count) {
  const redsc_depthwise *layer = strips->layer;
  const int16_t *plane = strips->planes;
  redsc_tile_job *job = &strips->job;
  const int end = channel + channels;
  for (; channel < end; ++channel) {
    const redsc_channel_pair *pair = &layer->channels[channel >> 1];
    const int which = channel & 1;
    if (layer->shifts == REDSC_SHIFTS_RIGHT) {
      job->multiplier = (int32_t)((uint32_t)pair->doubled[which] >> 1);
      job->shift = pair->shift[which];
      job->rounding = redsc_signed(redsc_rounding(job->shift, layer->output_zero_point));
      job->bias = 2 * pair->bias[which];
      strips->tiles(layer->weight + channel * TAPS * TAPS, plane, y, count, *job);
    } else {
      redsc_convolve(strips, plane, y, channel, count);
    }
    plane += strips->plane;
    ++y;
  }
}

#else

static void redsc_widen_group(redsc_strips *strips, const int8_t *x, int line, int count, int channels, int is_last) {
  (void)is_last;
  redsc_widen(strips, x, line, count, channels);
}

static void redsc_prepare(redsc_strips *strips) { (void)strips; }

static void redsc_convolve_group(redsc_strips *strips, int8_t *y, int channel, int channels, int count) {
  int i;
  for (i = 0; i < channels; ++i) {
    redsc_convolve(strips, strips->planes + i * strips->plane, y + i, channel + i, count);
  }
}

#endif

/* The results saturate at the ends of int8; this is for layers whose ends are nearer. */
static void redsc_clamp_strip(const redsc_strips *strips, int8_t *y, int count, int channels) {
  const int minimum = strips->layer->minimum, maximum = strips->layer->maximum;
  int line, n;
  for (line = 0; line < count; ++line) {
    int8_t *pixel = y + line * strips->y_line;
    for (n = strips->along_out; n > 0; --n) {
      redsc_clamp_all(pixel, channels, minimum, maximum);
      pixel += strips->y_pixel;
    }
  }
}

/* Reads the lines of the strip that begins with line `first` of the result. The planes are clear at first, and the
   lines beside the image stay so where the whole image is one strip. */
static void redsc_read_strip(redsc_strips *strips, const int8_t *x, int first, int channels) {
  const int kept = first > 0 ? TAPS - strips->stride : 0;
  const int origin = first * strips->stride - strips->pad_across;
  const int before = origin < 0 ? -origin : 0;
  const int begin = before > kept ? before : kept;
  const int end = redsc_least(strips->across_in - origin, strips->lines);
  int line;
  for (line = 0; line < kept; ++line) {
    redsc_move_line(strips, line, strips->lines - kept);
  }
  if (strips->layer->strip_rows < strips->across_out) {
    for (line = 0; line < before; ++line) {
      redsc_clear_line(strips, line);
    }
    for (line = end; line < strips->lines; ++line) {
      redsc_clear_line(strips, line);
    }
  }
  if (end > begin) {
    redsc_widen_group(strips, x + (origin + begin) * strips->x_line, begin, end - begin, channels,
                      origin + end == strips->across_in);
  }
}

/* All of the channels `channel` ... `channel` + `channels` - 1, with which x and y begin. */
static void redsc_run_group(redsc_strips *strips, const int8_t *x, int8_t *y, int channel, int channels) {
  const redsc_depthwise *layer = strips->layer;
  const int is_clamped = layer->minimum > -128 || layer->maximum < 127;
  int first;
  for (first = 0; first < strips->across_out; first += layer->strip_rows) {
    const int count = redsc_least(strips->across_out - first, layer->strip_rows);
    redsc_read_strip(strips, x, first, channels);
    redsc_convolve_group(strips, y, channel, channels, count);
    if (is_clamped) {
      redsc_clamp_strip(strips, y, count, channels);
    }
    y += count * strips->y_line;
  }
}

void redsc_depthwise_planar_s8(const redsc_depthwise *layer, const int8_t *x, int8_t *y, void *scratch) {
  const int channels = layer->input_channels;
  int batch, channel;
  redsc_strips strips;
  redsc_measure(&strips, layer, scratch);
  redsc_prepare(&strips);
  memset(scratch, 0, (size_t)(GROUP * strips.plane) * sizeof(*strips.planes));
  for (batch = 0; batch < layer->batches; ++batch) {
    for (channel = 0; channel < channels; channel += GROUP) {
      redsc_run_group(&strips, x + channel, y + channel, channel, redsc_least(channels - channel, GROUP));
    }
    x += layer->input_height * layer->input_width * channels;
    y += layer->output_height * layer->output_width * channels;
  }
}
