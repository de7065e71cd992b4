/*
 * redsc: reads a layer's options and checks what all kernels need. This file carries no licence obligation.
 */
#include <string.h>

#include "redsc_arithmetic.h"

enum { REDSC_VERSION = 1, REDSC_HEAD_BYTES = 40, REDSC_RUN_BYTES = 16, REDSC_LAST_ACTIVATION = 3 };

static uint32_t redsc_u16(const uint8_t *bytes) { return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8; }

static uint32_t redsc_u32(const uint8_t *bytes) { return redsc_u16(bytes) | redsc_u16(bytes + 2) << 16; }

static int32_t redsc_i32(const uint8_t *bytes) { return redsc_signed(redsc_u32(bytes)); }

static float redsc_f32(const uint8_t *bytes) {
  const uint32_t bits = redsc_u32(bytes);
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

static int redsc_is_s8(int32_t value) { return value >= INT8_MIN && value <= INT8_MAX; }

static int redsc_is_head_legal(const uint8_t *head) {
  return head[0] == REDSC_VERSION && head[1] <= REDSC_INT8 && head[2] <= 1 && head[3] <= REDSC_LAST_ACTIVATION &&
         head[4] <= (REDSC_HAS_BIAS | REDSC_KEEP_NUM_DIMS) && head[5] == 0 && head[6] == 0 && head[7] == 0;
}

static int redsc_read_geometry(const uint8_t *head, redsc_options *options) {
  options->stride_h = (int32_t)redsc_u16(head + 8);
  options->stride_w = (int32_t)redsc_u16(head + 10);
  options->dilation_h = (int32_t)redsc_u16(head + 12);
  options->dilation_w = (int32_t)redsc_u16(head + 14);
  options->pad_top = (int32_t)redsc_u16(head + 16);
  options->pad_left = (int32_t)redsc_u16(head + 18);
  return options->stride_h > 0 && options->stride_w > 0 && options->dilation_h > 0 && options->dilation_w > 0;
}

static int redsc_read_numbers(const uint8_t *head, redsc_options *options) {
  options->input_zero_point = redsc_i32(head + 20);
  options->output_zero_point = redsc_i32(head + 24);
  options->minimum_s8 = redsc_i32(head + 28);
  options->maximum_s8 = redsc_i32(head + 32);
  options->minimum_f32 = redsc_f32(head + 28);
  options->maximum_f32 = redsc_f32(head + 32);
  if (options->element == REDSC_FLOAT32) {
    return options->input_zero_point == 0 && options->output_zero_point == 0 &&
           options->minimum_f32 <= options->maximum_f32;
  }
  return redsc_is_s8(options->input_zero_point) && redsc_is_s8(options->output_zero_point) &&
         redsc_is_s8(options->minimum_s8) && redsc_is_s8(options->maximum_s8) &&
         options->minimum_s8 <= options->maximum_s8;
}

static redsc_run redsc_decode_run(const uint8_t *bytes) {
  redsc_run run;
  run.start = redsc_u32(bytes);
  run.length = redsc_u32(bytes + 4);
  run.count = redsc_u32(bytes + 8);
  run.stride = redsc_u32(bytes + 12);
  return run;
}

redsc_run redsc_run_at(const redsc_options *options, uint32_t index) {
  return redsc_decode_run(options->runs + (size_t)index * REDSC_RUN_BYTES);
}

/* No element twice within a run: its elements are then no more than its end, and the sums below cannot overflow. */
static int redsc_measure_runs(redsc_options *options) {
  uint32_t i;
  options->depth = 0;
  options->row_depth = 0;
  for (i = 0; i < options->run_count; ++i) {
    const redsc_run run = redsc_run_at(options, i);
    const uint64_t end = run.start + (uint64_t)(run.count - 1) * run.stride + run.length;
    if (run.length == 0 || run.count == 0 || (run.count > 1 && run.stride < run.length) ||
        end > REDSC_MAX_ELEMENTS) {
      return 0;
    }
    options->depth += run.length * run.count;
    if (options->depth > REDSC_MAX_ELEMENTS) {
      return 0;
    }
    options->row_depth = end > options->row_depth ? (uint32_t)end : options->row_depth;
  }
  return 1;
}

static int redsc_read_runs(const uint8_t *head, size_t bytes, redsc_options *options) {
  const size_t tail = bytes - REDSC_HEAD_BYTES;
  options->run_count = redsc_u32(head + 36);
  options->runs = head + REDSC_HEAD_BYTES;
  if (options->run_count == 0 || tail % REDSC_RUN_BYTES != 0 || tail / REDSC_RUN_BYTES != options->run_count) {
    return 0;
  }
  options->first_run = redsc_run_at(options, 0);
  return redsc_measure_runs(options);
}

redsc_status redsc_read_options(const void *data, size_t bytes, redsc_options *options) {
  const uint8_t *head = (const uint8_t *)data;
  if (head == NULL || bytes < REDSC_HEAD_BYTES || !redsc_is_head_legal(head)) {
    return REDSC_BAD_OPTIONS;
  }
  options->element = (redsc_element)head[1];
  options->flags = head[4];
  if (!redsc_read_geometry(head, options) || !redsc_read_numbers(head, options) ||
      !redsc_read_runs(head, bytes, options)) {
    return REDSC_BAD_OPTIONS;
  }
  return REDSC_OK;
}

uint32_t redsc_elements(const redsc_dims *dims) {
  uint32_t count = 1;
  int axis;
  for (axis = 0; axis < dims->rank; ++axis) {
    if (dims->size[axis] < 1 || (uint32_t)dims->size[axis] > REDSC_MAX_ELEMENTS / count) {
      return 0;
    }
    count *= (uint32_t)dims->size[axis];
  }
  return count;
}

int redsc_are_parameters_legal(const redsc_options *options, const redsc_dims *parameters, int channels) {
  const int rows = options->element == REDSC_INT8 ? 3 : 1;
  return parameters->rank == 2 && parameters->size[0] == rows && parameters->size[1] == channels &&
         redsc_elements(parameters) > 0;
}
