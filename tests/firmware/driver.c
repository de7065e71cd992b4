/*
 * Runs the layers of the file "layers.bin" and writes what comes out to "results.bin"; layers.py explains both.
 * Every tensor ends before a fence, and the scratch, which is full of rubbish; only where a layer has a distance, x
 * lies so far behind y in one block.
 * With UNCHECKED defined the kernels run whatever the checks say: the sanitizers then have something to find.
 */
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "fences.h"
#include "redsc_kernels.h"

enum { MAX_RUN_BYTES = 1 << 24, X = 0, WEIGHT = 1, PARAMETERS = 2, Y = 3, TENSORS = 4, SCRATCH = 4 };
enum { CONV_2D = 0, WRONG_ELEMENT = 4, TOO_LARGE = 5, GARBAGE = 0x5A };

typedef struct {
  redsc_dims dims;
  size_t given_bytes;
  uint8_t *given;
  int64_t bytes;
  int8_t *block, *data;
} tensor;

typedef struct {
  uint32_t op, element;
  int32_t distance; /* INT_MAX: apart */
  size_t option_bytes;
  uint8_t *options;
  tensor tensors[TENSORS];
} layer;

static uint32_t read_word(FILE *file) {
  uint32_t word;
  if (fread(&word, sizeof(word), 1, file) != 1) {
    exit(3);
  }
  return word;
}

static void *read_block(FILE *file, size_t bytes) {
  void *block = allocate(bytes);
  if (bytes != 0 && fread(block, bytes, 1, file) != 1) {
    exit(4);
  }
  return block;
}

static int64_t bytes_of(const tensor *item, uint32_t element, int which) {
  int64_t bytes = element == REDSC_INT8 && which != PARAMETERS ? 1 : 4;
  int axis;
  for (axis = 0; axis < item->dims.rank; ++axis) {
    const int size = item->dims.size[axis] > 0 ? item->dims.size[axis] : 0;
    bytes = bytes > MAX_RUN_BYTES || size > MAX_RUN_BYTES ? (int64_t)MAX_RUN_BYTES + 1 : bytes * size;
  }
  return bytes;
}

static layer read_layer(FILE *file) {
  layer item;
  int which;
  item.op = read_word(file);
  item.element = read_word(file);
  item.distance = (int32_t)read_word(file);
  item.option_bytes = read_word(file);
  item.options = (uint8_t *)read_block(file, item.option_bytes);
  for (which = 0; which < TENSORS; ++which) {
    tensor *one = &item.tensors[which];
    one->dims.rank = (int)read_word(file);
    one->dims.size = (const int *)read_block(file, (size_t)one->dims.rank * sizeof(int));
    one->given_bytes = read_word(file);
    one->given = (uint8_t *)read_block(file, one->given_bytes);
    one->bytes = bytes_of(one, item.element, which);
    one->block = one->data = NULL;
  }
  return item;
}

static void free_layer(layer *item) {
  int which;
  for (which = 0; which < TENSORS; ++which) {
    free((void *)(uintptr_t)item->tensors[which].dims.size);
    free(item->tensors[which].given);
    give_back(item->tensors[which].block);
  }
  free(item->options);
}

static void place(layer *item) {
  tensor *x = &item->tensors[X], *y = &item->tensors[Y];
  int which;
  for (which = 0; which < TENSORS; ++which) {
    tensor *one = &item->tensors[which];
    if (item->distance == INT_MAX || (which != X && which != Y)) {
      one->block = one->data = take(which, (size_t)one->bytes);
    }
  }
  if (item->distance != INT_MAX) {
    const int64_t x_at = item->distance > 0 ? item->distance : 0, y_at = x_at - item->distance;
    const int64_t bytes = x_at + x->bytes > y_at + y->bytes ? x_at + x->bytes : y_at + y->bytes;
    int8_t *block = take(X, (size_t)bytes);
    x->block = block;
    x->data = block + x_at;
    y->data = block + y_at;
  }
}

/* Where a shape asks for more bytes than the file gives, they repeat. */
static void fill(tensor *one) {
  int64_t i;
  for (i = 0; i < one->bytes; ++i) {
    one->data[i] = one->given_bytes == 0 ? 0 : (int8_t)one->given[(size_t)i % one->given_bytes];
  }
}

static uint32_t check(const layer *item, redsc_options *options) {
  const tensor *t = item->tensors;
  redsc_status status = redsc_read_options(item->options, item->option_bytes, options);
  if (status != REDSC_OK) {
    return (uint32_t)status;
  }
  if ((uint32_t)options->element != item->element) {
    return WRONG_ELEMENT;
  }
  status = (item->op == CONV_2D ? redsc_check_conv_2d : redsc_check_fully_connected)(
      options, &t[X].dims, &t[WEIGHT].dims, &t[PARAMETERS].dims, &t[Y].dims);
#ifdef UNCHECKED
  return REDSC_OK;
#else
  return (uint32_t)status;
#endif
}

static uint32_t scratch_bytes(const layer *item, const redsc_options *options) {
  const tensor *t = item->tensors;
  return item->element != REDSC_INT8
             ? 0
             : (item->op == CONV_2D ? redsc_conv_2d_scratch_bytes : redsc_fully_connected_scratch_bytes)(
                   options, &t[X].dims, &t[WEIGHT].dims, &t[Y].dims);
}

static void run(const layer *item, const redsc_options *options) {
  const tensor *t = item->tensors;
  const uint32_t bytes = scratch_bytes(item, options);
  int8_t *scratch = bytes == 0 ? NULL : take(SCRATCH, bytes);
  if (bytes != 0) {
    memset(scratch, GARBAGE, bytes);
  }
  if (item->element == REDSC_INT8) {
    (item->op == CONV_2D ? redsc_conv_2d_s8 : redsc_fully_connected_s8)(
        options, &t[X].dims, t[X].data, &t[WEIGHT].dims, t[WEIGHT].data,
        (const int32_t *)(const void *)t[PARAMETERS].data, &t[Y].dims, t[Y].data, scratch);
  } else {
    (item->op == CONV_2D ? redsc_conv_2d_f32 : redsc_fully_connected_f32)(
        options, &t[X].dims, (const float *)(const void *)t[X].data, &t[WEIGHT].dims,
        (const float *)(const void *)t[WEIGHT].data,
        (const float *)(const void *)t[PARAMETERS].data, &t[Y].dims, (float *)(void *)t[Y].data);
  }
  give_back(scratch);
}

static uint32_t process(layer *item) {
  redsc_options options;
  const uint32_t status = check(item, &options);
  int which;
  if (status != REDSC_OK) {
    return status;
  }
  for (which = 0; which < TENSORS; ++which) {
    if (item->tensors[which].bytes > MAX_RUN_BYTES) {
      return TOO_LARGE;
    }
  }
  if (scratch_bytes(item, &options) > MAX_RUN_BYTES) {
    return TOO_LARGE;
  }
  place(item);
  for (which = TENSORS - 1; which >= 0; --which) { /* x after y, over which it may lie */
    fill(&item->tensors[which]);
  }
  run(item, &options);
  return REDSC_OK;
}

int main(void) {
  FILE *in = fopen("layers.bin", "rb"), *out = fopen("results.bin", "wb");
  uint32_t count;
  if (in == NULL || out == NULL) {
    return 1;
  }
  for (count = read_word(in); count > 0; --count) {
    layer item = read_layer(in);
    uint32_t head[2];
    head[0] = process(&item);
    head[1] = head[0] == REDSC_OK ? (uint32_t)item.tensors[Y].bytes : 0;
    fwrite(head, sizeof(head), 1, out);
    if (head[1] != 0) {
      fwrite(item.tensors[Y].data, head[1], 1, out);
    }
    free_layer(&item);
  }
  fclose(in);
  return fclose(out) == 0 ? 0 : 1;
}
