/*
 * Runs the convolutions of the file "convs.bin" and writes what comes out to "results.bin"; conv_cases.py explains
 * both. Every tensor ends before a fence. Only where a case has a distance, x lies so far behind y in one block.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "../fences.h"
#include "redsc_conv.h"

enum { NUMBERS = 28, GARBAGE = 0x5A };
enum { X, Y, WEIGHT, CHANNELS, SCRATCH, TENSORS };

static int32_t read_number(FILE *file) {
  int32_t number;
  if (fread(&number, sizeof(number), 1, file) != 1) {
    exit(3);
  }
  return number;
}

static int8_t *read_block(FILE *file, int which, size_t bytes) {
  int8_t *block = take(which, bytes);
  if (bytes != 0 && fread(block, bytes, 1, file) != 1) {
    exit(4);
  }
  return block;
}

static redsc_conv read_conv(FILE *file) {
  int32_t n[NUMBERS];
  redsc_conv conv;
  int i;
  for (i = 0; i < NUMBERS; ++i) {
    n[i] = read_number(file);
  }
  conv.input_height = (int16_t)n[0];
  conv.input_width = (int16_t)n[1];
  conv.input_channels = (int16_t)n[2];
  conv.output_height = (int16_t)n[3];
  conv.output_width = (int16_t)n[4];
  conv.output_channels = (int16_t)n[5];
  conv.batches = (int16_t)n[6];
  conv.kernel_height = (int16_t)n[7];
  conv.kernel_width = (int16_t)n[8];
  conv.stride_h = (int16_t)n[9];
  conv.stride_w = (int16_t)n[10];
  conv.dilation_h = (int16_t)n[11];
  conv.dilation_w = (int16_t)n[12];
  conv.pad_top = (int16_t)n[13];
  conv.pad_left = (int16_t)n[14];
  conv.input_zero_point = (int16_t)n[15];
  conv.output_zero_point = (int16_t)n[16];
  conv.minimum = (int16_t)n[17];
  conv.maximum = (int16_t)n[18];
  conv.form = (uint8_t)n[19];
  conv.rescale = (uint8_t)n[20];
  conv.pixels = (uint8_t)n[21];
  conv.taps_apart = (uint8_t)n[22];
  conv.segments = (uint16_t)n[23];
  conv.segment_bytes = (uint32_t)n[24];
  conv.skip_bytes = (uint32_t)n[25];
  conv.pair_bytes = (uint32_t)n[26];
  conv.block_channels = (uint16_t)n[27];
  return conv;
}

/* Room for x, so far behind an aligned address or behind y. */
static void place(int32_t distance, size_t misalignment, size_t x_bytes, size_t y_bytes, int8_t **block, int8_t **x,
                  int8_t **y) {
  const size_t x_at = distance == INT_MAX ? misalignment : distance > 0 ? (size_t)distance : 0;
  const size_t y_at = distance < 0 ? (size_t)-distance : 0;
  size_t bytes = x_at + x_bytes;
  if (distance != INT_MAX && y_at + y_bytes > bytes) {
    bytes = y_at + y_bytes;
  }
  *block = take(X, bytes);
  *x = *block + x_at;
  *y = distance == INT_MAX ? take(Y, y_bytes) : *block + y_at;
}

/* A case: the convolution, the distance, and the byte counts and bytes of x, weights and channels. */
static void process(FILE *in, FILE *out) {
  redsc_conv conv = read_conv(in);
  const int32_t distance = read_number(in), misalignment = read_number(in), x_bytes = read_number(in);
  int8_t *given = (int8_t *)allocate((size_t)x_bytes);
  int8_t *weight, *channels, *scratch, *block, *x, *y;
  const int pixels = conv.batches * conv.output_height * conv.output_width;
  const uint32_t y_bytes = (uint32_t)(pixels * conv.output_channels);
  const size_t scratch_bytes = (size_t)conv.segments * conv.segment_bytes * conv.pixels;
  if (fread(given, (size_t)x_bytes, 1, in) != 1) {
    exit(6);
  }
  weight = read_block(in, WEIGHT, (size_t)read_number(in));
  channels = read_block(in, CHANNELS, (size_t)read_number(in));
  scratch = take(SCRATCH, scratch_bytes);
  place(distance, (size_t)misalignment, (size_t)x_bytes, y_bytes, &block, &x, &y);
  memset(y, GARBAGE, y_bytes);
  memcpy(x, given, (size_t)x_bytes);
  if (scratch_bytes != 0) {
    memset(scratch, GARBAGE, scratch_bytes);
  }
  conv.weight = weight;
  conv.channels = (const redsc_channel_pair *)(const void *)channels;
  (conv.form == REDSC_SUMS ? redsc_conv_sums_s8 : redsc_conv_bytes_s8)(&conv, x, y, scratch);
  fwrite(&y_bytes, sizeof(y_bytes), 1, out);
  fwrite(y, 1, y_bytes, out);
  if (distance == INT_MAX) {
    give_back(y);
  }
  give_back(block);
  give_back(scratch);
  give_back(channels);
  give_back(weight);
  free(given);
}

int main(void) {
  FILE *in = fopen("convs.bin", "rb"), *out = fopen("results.bin", "wb");
  int32_t count;
  if (in == NULL || out == NULL) {
    return 1;
  }
  for (count = read_number(in); count > 0; --count) {
    process(in, out);
  }
  fclose(in);
  return fclose(out) == 0 ? 0 : 1;
}
