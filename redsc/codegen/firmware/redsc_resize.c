/*
 * redsc: bilinear resizing. This file carries no licence obligation.
 *
 * Follows tensorflow/lite/kernels/internal/reference/resize_bilinear.h. In int8 the weights of four neighbours add
 * up to 2^20 and none is negative: their sum fits into 28 bits.
 */
#include "redsc_resize.h"

enum { REDSC_ONE = 1 << 10, REDSC_BITS = 20, REDSC_HALF = 1 << 19 };

/* To the nearest number, halves away from zero. */
static inline int8_t redsc_round_blend(int32_t sum) {
  return (int8_t)((sum + REDSC_HALF - (sum < 0)) >> REDSC_BITS);
}

/* One row of the output, between two of the input. */
static int8_t *redsc_blend_row_s8(const redsc_resize_s8_params *params, const int8_t *lower, const int8_t *upper,
                                  int32_t weight, int8_t *y) {
  const int32_t channels = params->channels, columns = params->output_width;
  const redsc_between_s8 *between = params->columns;
  int32_t column, channel;
  for (column = 0; column < columns; ++column, ++between) {
    const int8_t *lower_left = lower + between->lower * channels, *lower_right = lower + between->upper * channels;
    const int8_t *upper_left = upper + between->lower * channels, *upper_right = upper + between->upper * channels;
    const int32_t right = (REDSC_ONE - weight) * between->weight, both = weight * between->weight;
    const int32_t none = (REDSC_ONE - weight) * REDSC_ONE - right, up = weight * REDSC_ONE - both;
    for (channel = 0; channel < channels; ++channel) {
      *y++ = redsc_round_blend(lower_left[channel] * none + upper_left[channel] * up +
                               lower_right[channel] * right + upper_right[channel] * both);
    }
  }
  return y;
}

void redsc_resize_s8(const redsc_resize_s8_params *params, const int8_t *x, int8_t *y) {
  const int32_t row_size = params->input_width * params->channels;
  int32_t image, row;
  for (image = 0; image < params->images; ++image) {
    for (row = 0; row < params->output_height; ++row) {
      const redsc_between_s8 *between = &params->rows[row];
      y = redsc_blend_row_s8(params, x + between->lower * row_size, x + between->upper * row_size, between->weight,
                             y);
    }
    x += params->input_height * row_size;
  }
}

static float *redsc_blend_row_f32(const redsc_resize_f32_params *params, const float *lower, const float *upper,
                                  float weight, float *y) {
  int32_t column, channel;
  for (column = 0; column < params->output_width; ++column) {
    const redsc_between_f32 *between = &params->columns[column];
    const int32_t left = between->lower * params->channels, right = between->upper * params->channels;
    const float lower_left = (1.0f - weight) * (1.0f - between->weight);
    const float upper_left = weight * (1.0f - between->weight);
    const float lower_right = (1.0f - weight) * between->weight, upper_right = weight * between->weight;
    for (channel = 0; channel < params->channels; ++channel) {
      *y++ = lower[left + channel] * lower_left + upper[left + channel] * upper_left +
             lower[right + channel] * lower_right + upper[right + channel] * upper_right;
    }
  }
  return y;
}

void redsc_resize_f32(const redsc_resize_f32_params *params, const float *x, float *y) {
  const int32_t row_size = params->input_width * params->channels;
  int32_t image, row;
  for (image = 0; image < params->images; ++image) {
    for (row = 0; row < params->output_height; ++row) {
      const redsc_between_f32 *between = &params->rows[row];
      y = redsc_blend_row_f32(params, x + between->lower * row_size, x + between->upper * row_size,
                              between->weight, y);
    }
    x += params->input_height * row_size;
  }
}
