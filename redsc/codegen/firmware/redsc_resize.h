/*
 * redsc: bilinear resizing. This file carries no licence obligation.
 */
#ifndef REDSC_RESIZE_H
#define REDSC_RESIZE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Between which rows or columns of x one of y lies, and how much the upper one counts: in 1024ths in int8. */
typedef struct {
  uint16_t lower, upper;
  int32_t weight;
} redsc_between_s8;

typedef struct {
  uint16_t lower, upper;
  float weight;
} redsc_between_f32;

typedef struct {
  int32_t images, input_height, input_width, output_height, output_width, channels;
  const redsc_between_s8 *rows, *columns;
} redsc_resize_s8_params;

typedef struct {
  int32_t images, input_height, input_width, output_height, output_width, channels;
  const redsc_between_f32 *rows, *columns;
} redsc_resize_f32_params;

/* Pixel by pixel, in the order of y. x and y must not overlap. */
void redsc_resize_s8(const redsc_resize_s8_params *params, const int8_t *x, int8_t *y);
void redsc_resize_f32(const redsc_resize_f32_params *params, const float *x, float *y);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_RESIZE_H */
