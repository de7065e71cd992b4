/*
 * Runs the depthwise layers of the file "layers.bin" and writes what comes out to "results.bin"; depthwise.py
 * explains both. Every tensor lies in a block of exactly its size: a sanitizer sees each byte read or written beside
 * it; only where a layer has a distance, x lies so far behind y in one block. On Cortex-M the memory protection
 * unit faults where a byte behind a block is touched.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "redsc_depthwise.h"

enum { FIELDS = 22, GARBAGE = 0xA5 };
enum { X, WEIGHT, CHANNELS, BLOCKS, Y = BLOCKS, SCRATCH, ALL_BLOCKS };

typedef struct {
  int32_t is_planar, distance, y_bytes, scratch_bytes, fields[FIELDS];
} head;

typedef struct {
  uint8_t *base, *data;
  size_t bytes;
} block;

#ifdef __arm__

enum { FENCE = 4096 }; /* bytes: a page of the emulator, which sees no word that reaches into a region within one */

static volatile uint32_t *const mpu = (volatile uint32_t *)0xE000ED90u; /* Armv7-M reference manual, B3.5 */

/* Nobody may touch the bytes behind the block. */
static void fence(const block *item, uint32_t region) {
  mpu[2] = region;
  mpu[3] = (uint32_t)(uintptr_t)(item->data + item->bytes);
  mpu[4] = 1u << 28 | 11u << 1 | 1u; /* 2^12 bytes without access */
  mpu[1] = 5;
  __asm__ volatile("dsb\n isb" ::: "memory");
}

static void lift_fences(void) { mpu[1] = 0; }

#else

enum { FENCE = 0 };

static void fence(const block *item, uint32_t region) {
  (void)item;
  (void)region;
}

static void lift_fences(void) {}

#endif

/* With a fence the block ends where a region can begin. */
static block allocate(size_t bytes) {
  block made;
  const size_t mask = FENCE > 0 ? FENCE - 1 : 0;
  made.base = (uint8_t *)malloc(bytes + 2 * FENCE);
  if (made.base == NULL && bytes != 0) {
    exit(2);
  }
  made.bytes = bytes;
  made.data = FENCE == 0 ? made.base : made.base + ((0u - ((uintptr_t)made.base + bytes)) & mask);
  return made;
}

static void read_exactly(FILE *file, void *block, size_t bytes) {
  if (bytes != 0 && fread(block, bytes, 1, file) != 1) {
    exit(3);
  }
}

static block read_block(FILE *file) {
  int32_t bytes;
  block made;
  read_exactly(file, &bytes, sizeof(bytes));
  made = allocate((size_t)bytes);
  read_exactly(file, made.data, made.bytes);
  return made;
}

static redsc_depthwise layer_of(const int32_t *f) {
  redsc_depthwise layer;
  memset(&layer, 0, sizeof(layer));
  layer.batches = (int16_t)f[0];
  layer.input_height = (int16_t)f[1];
  layer.input_width = (int16_t)f[2];
  layer.input_channels = (int16_t)f[3];
  layer.output_height = (int16_t)f[4];
  layer.output_width = (int16_t)f[5];
  layer.multiplier = (int16_t)f[6];
  layer.kernel_height = (int16_t)f[7];
  layer.kernel_width = (int16_t)f[8];
  layer.stride_h = (int16_t)f[9];
  layer.stride_w = (int16_t)f[10];
  layer.dilation_h = (int16_t)f[11];
  layer.dilation_w = (int16_t)f[12];
  layer.pad_top = (int16_t)f[13];
  layer.pad_left = (int16_t)f[14];
  layer.input_zero_point = (int16_t)f[15];
  layer.output_zero_point = (int16_t)f[16];
  layer.minimum = (int16_t)f[17];
  layer.maximum = (int16_t)f[18];
  layer.shifts = (uint8_t)f[19];
  layer.is_swapped = (uint8_t)(f[20] & 1);
  layer.strip_rows = (int16_t)(f[20] >> 1);
  layer.weight_stride = f[21];
  return layer;
}

/* Where x and y lie: both in the first block, or each in its own. */
static void place(const head *item, block *blocks, int8_t **x, int8_t **y) {
  const block given = blocks[X];
  const int is_apart = item->distance == INT_MAX;
  const size_t x_at = !is_apart && item->distance > 0 ? (size_t)item->distance : 0;
  const size_t y_at = !is_apart && item->distance < 0 ? (size_t)-item->distance : 0;
  const size_t x_end = x_at + given.bytes, y_end = y_at + (size_t)item->y_bytes;
  blocks[Y] = allocate(is_apart ? (size_t)item->y_bytes : x_end > y_end ? x_end : y_end);
  *y = (int8_t *)blocks[Y].data + y_at;
  *x = (int8_t *)(is_apart ? given.data : blocks[Y].data + x_at);
  memcpy(*x, given.data, given.bytes);
}

static void run_layer(FILE *in, FILE *out) {
  head item;
  block blocks[ALL_BLOCKS];
  redsc_depthwise layer;
  int8_t *x, *y;
  uint32_t i;
  read_exactly(in, &item, sizeof(item));
  for (i = 0; i < BLOCKS; ++i) {
    blocks[i] = read_block(in);
  }
  layer = layer_of(item.fields);
  layer.weight = (const int8_t *)blocks[WEIGHT].data;
  layer.channels = (const redsc_channel_pair *)(const void *)blocks[CHANNELS].data;
  place(&item, blocks, &x, &y);
  blocks[SCRATCH] = allocate((size_t)item.scratch_bytes);
  memset(blocks[SCRATCH].data, GARBAGE, blocks[SCRATCH].bytes);
  for (i = 0; i < ALL_BLOCKS; ++i) {
    fence(&blocks[i], i);
  }
  if (item.is_planar) {
    redsc_depthwise_planar_s8(&layer, x, y, blocks[SCRATCH].data);
  } else {
    redsc_depthwise_direct_s8(&layer, x, y);
  }
  lift_fences();
  fwrite(&item.y_bytes, sizeof(item.y_bytes), 1, out);
  fwrite(y, 1, (size_t)item.y_bytes, out);
  for (i = 0; i < ALL_BLOCKS; ++i) {
    free(blocks[i].base);
  }
}

int main(void) {
  FILE *in = fopen("layers.bin", "rb"), *out = fopen("results.bin", "wb");
  uint32_t count, i;
  if (in == NULL || out == NULL) {
    return 1;
  }
  read_exactly(in, &count, sizeof(count));
  for (i = 0; i < count; ++i) {
    run_layer(in, out);
  }
  fclose(in);
  return fclose(out) == 0 ? 0 : 1;
}
