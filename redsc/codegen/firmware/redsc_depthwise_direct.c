/*
 * redsc: depthwise convolution of any kernel, without scratch. This file carries no licence obligation.
 */
#include "redsc_depthwise.h"
#include "redsc_depthwise_window.h"

/* The taps of an axis that lie inside the image: `at` is where tap `first` lies. */
typedef struct {
  int at, first, count;
} redsc_span;

/* A pixel of the result: its window, and the first tap of channel 0. */
typedef struct {
  redsc_depthwise_window window;
  const int8_t *x, *weight;
} redsc_pixel;

static redsc_span redsc_span_of(int at, int dilation, int kernel, int size) {
  redsc_span span = {at, 0, kernel};
  while (span.count > 0 && span.at < 0) {
    span.at += dilation;
    ++span.first;
    --span.count;
  }
  while (span.count > 0 && span.at + (span.count - 1) * dilation >= size) {
    --span.count;
  }
  return span;
}

static void redsc_set_pixel(redsc_pixel *pixel, const redsc_depthwise *layer, const int8_t *image, redsc_span rows,
                            redsc_span columns) {
  const int channels = layer->input_channels, line = layer->input_width * channels;
  redsc_depthwise_window *window = &pixel->window;
  window->rows = columns.count > 0 ? rows.count : 0;
  window->columns = columns.count;
  window->x_column = layer->dilation_w * channels;
  window->x_row = layer->dilation_h * line - columns.count * window->x_column;
  window->weight_column = layer->weight_stride;
  window->weight_row = (layer->kernel_width - columns.count) * layer->weight_stride;
  window->zero_point = layer->input_zero_point;
  window->step = 2 * layer->output_zero_point + 1;
  pixel->x = image + rows.at * line + columns.at * channels;
  pixel->weight = layer->weight + (rows.first * layer->kernel_width + columns.first) * layer->weight_stride;
}

static int8_t redsc_result(const redsc_depthwise *layer, const redsc_channel_pair *pair, int which, uint32_t sum) {
  const int32_t value = redsc_rescale(layer->shifts, sum + (uint32_t)pair->bias[which], pair->doubled[which],
                                      pair->shift[which], layer->output_zero_point);
  return (int8_t)redsc_clamp(value, layer->minimum, layer->maximum);
}

/* Four results from `channel` on, whose inputs lie from channel `input` on, `step` channels apart. */
static void redsc_put_four(const redsc_depthwise *layer, const redsc_pixel *pixel, int8_t *y, int channel, int input,
                           int step) {
  const redsc_depthwise_window *window = &pixel->window;
  const redsc_channel_pair *pair = &layer->channels[channel >> 1];
  const int8_t *x = pixel->x + input, *weight = pixel->weight + channel;
  const int32_t zero_point = window->zero_point;
  uint32_t a = 0, b = 0, c = 0, d = 0;
  int row, column;
  for (row = window->rows; row > 0; --row) {
    for (column = window->columns; column > 0; --column) {
      a += (uint32_t)((x[0] - zero_point) * weight[0]);
      b += (uint32_t)((x[step] - zero_point) * weight[1]);
      c += (uint32_t)((x[2 * step] - zero_point) * weight[2]);
      d += (uint32_t)((x[3 * step] - zero_point) * weight[3]);
      x += window->x_column;
      weight += window->weight_column;
    }
    x += window->x_row;
    weight += window->weight_row;
  }
  y[channel] = redsc_result(layer, pair, 0, a);
  y[channel + 1] = redsc_result(layer, pair, 1, b);
  y[channel + 2] = redsc_result(layer, pair + 1, 0, c);
  y[channel + 3] = redsc_result(layer, pair + 1, 1, d);
}

static void redsc_put_one(const redsc_depthwise *layer, const redsc_pixel *pixel, int8_t *y, int channel, int input) {
  const redsc_depthwise_window *window = &pixel->window;
  const int8_t *x = pixel->x + input, *weight = pixel->weight + channel;
  const int32_t zero_point = window->zero_point;
  uint32_t sum = 0;
  int row, column;
  for (row = window->rows; row > 0; --row) {
    for (column = window->columns; column > 0; --column) {
      sum += (uint32_t)((*x - zero_point) * *weight);
      x += window->x_column;
      weight += window->weight_column;
    }
    x += window->x_row;
    weight += window->weight_row;
  }
  y[channel] = redsc_result(layer, &layer->channels[channel >> 1], channel & 1, sum);
}

#if REDSC_DSP

/* As many fours as the assembly takes, on from the even channel `channel`; it does not clamp to less than int8. */
static int redsc_put_fours(const redsc_depthwise *layer, const redsc_pixel *pixel, int8_t *y, int channel, int input,
                           int step, int end) {
  const int fours = (end - channel) >> 2, done = channel + 4 * fours;
  if (fours == 0 || layer->shifts != REDSC_SHIFTS_RIGHT || pixel->window.rows == 0) {
    return channel;
  }
  (step == 0 ? redsc_fours_of_one_dsp : redsc_fours_of_fours_dsp)(
      pixel->x + input, pixel->weight + channel, &pixel->window, y + channel, &layer->channels[channel >> 1], fours);
  if (layer->minimum > -128 || layer->maximum < 127) {
    redsc_clamp_all(y + channel, done - channel, layer->minimum, layer->maximum);
  }
  return done;
}

#else

static int redsc_put_fours(const redsc_depthwise *layer, const redsc_pixel *pixel, int8_t *y, int channel, int input,
                           int step, int end) {
  (void)layer;
  (void)pixel;
  (void)y;
  (void)input;
  (void)step;
  (void)end;
  return channel;
}

#endif

/* The results `channel` ... `end` - 1; of input channels `step` apart, of which `input` is the first. */
static void redsc_put_channels(const redsc_depthwise *layer, const redsc_pixel *pixel, int8_t *y, int channel,
                               int input, int step, int end) {
  const int first = channel;
  if ((channel & 1) == 0) { /* where a pair begins */
    channel = redsc_put_fours(layer, pixel, y, channel, input, step, end);
    for (; channel + 4 <= end; channel += 4) {
      redsc_put_four(layer, pixel, y, channel, input + (channel - first) * step, step);
    }
  }
  for (; channel < end; ++channel) {
    redsc_put_one(layer, pixel, y, channel, input + (channel - first) * step);
  }
}

static void redsc_put_pixel(const redsc_depthwise *layer, const redsc_pixel *pixel, int8_t *y) {
  const int multiplier = layer->multiplier;
  int input;
  if (multiplier == 1) {
    redsc_put_channels(layer, pixel, y, 0, 0, 1, layer->input_channels);
    return;
  }
  for (input = 0; input < layer->input_channels; ++input) {
    redsc_put_channels(layer, pixel, y, input * multiplier, input, 0, (input + 1) * multiplier);
  }
}

void redsc_depthwise_direct_s8(const redsc_depthwise *layer, const int8_t *x, int8_t *y) {
  int batch, row, column;
  for (batch = 0; batch < layer->batches; ++batch) {
    for (row = 0; row < layer->output_height; ++row) {
      const redsc_span rows = redsc_span_of(row * layer->stride_h - layer->pad_top, layer->dilation_h,
                                            layer->kernel_height, layer->input_height);
      for (column = 0; column < layer->output_width; ++column) {
        const redsc_span columns = redsc_span_of(column * layer->stride_w - layer->pad_left,
                                                 layer->dilation_w, layer->kernel_width, layer->input_width);
        redsc_pixel pixel;
        redsc_set_pixel(&pixel, layer, x, rows, columns);
        redsc_put_pixel(layer, &pixel, y);
        y += layer->input_channels * layer->multiplier;
      }
    }
    x += layer->input_height * layer->input_width * layer->input_channels;
  }
}
