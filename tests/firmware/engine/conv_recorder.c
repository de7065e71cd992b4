/*
 * conv_driver.c, which also writes to "reads.bin" in what order the convolutions read their constants. The compiler
 * calls a function before every load (-fsanitize=kernel-address, whose run-time is this file).
 *
 * Per convolution a count and as many int32: a group of weights as its number, a channel pair as -1 minus its number;
 * one that is read again at once is written once.
 */
#include "redsc_conv.h"

static void recorded_conv(const redsc_conv *conv, const int8_t *x, int8_t *y, void *scratch);

#define redsc_conv_s8 recorded_conv
#include "conv_driver.c"
#undef redsc_conv_s8

enum { MOST_READS = 1 << 20 };
static int32_t reads[MOST_READS + 1]; /* behind the count */
static const redsc_conv *recorded;
static uintptr_t weight_bytes;

__attribute__((no_sanitize("kernel-address"))) static void record(uintptr_t address) {
  uintptr_t at;
  int32_t read;
  if (recorded == NULL) {
    return;
  }
  at = address - (uintptr_t)recorded->weight;
  if (at < weight_bytes) {
    read = (int32_t)(at / 8);
  } else {
    at = address - (uintptr_t)recorded->channels;
    if (at >= sizeof(redsc_channel_pair) * (uintptr_t)((recorded->output_channels + 1) / 2)) {
      return;
    }
    read = -1 - (int32_t)(at / sizeof(redsc_channel_pair));
  }
  if (reads[0] == 0 || reads[reads[0]] != read) {
    if (reads[0] == MOST_READS) {
      exit(7);
    }
    reads[++reads[0]] = read;
  }
}

void redsc_conv_s8(const redsc_conv *conv, const int8_t *x, int8_t *y, void *scratch);

static void recorded_conv(const redsc_conv *conv, const int8_t *x, int8_t *y, void *scratch) {
  FILE *file = fopen("reads.bin", "ab");
  weight_bytes = (uintptr_t)conv->pair_bytes * (uintptr_t)((conv->output_channels + 1) / 2);
  reads[0] = 0;
  recorded = conv;
  redsc_conv_s8(conv, x, y, scratch);
  recorded = NULL;
  if (file == NULL || fwrite(reads, sizeof(reads[0]), (size_t)reads[0] + 1, file) != (size_t)reads[0] + 1) {
    exit(8);
  }
  fclose(file);
}

#define LOAD(name) \
  void __asan_load##name##_noabort(uintptr_t address); \
  void __asan_load##name##_noabort(uintptr_t address) { record(address); }
#define STORE(name) \
  void __asan_store##name##_noabort(uintptr_t address); \
  void __asan_store##name##_noabort(uintptr_t address) { (void)address; }
LOAD(1)
LOAD(2)
LOAD(4)
LOAD(8)
LOAD(16)
STORE(1)
STORE(2)
STORE(4)
STORE(8)
STORE(16)

void __asan_loadN_noabort(uintptr_t address, size_t bytes);
void __asan_loadN_noabort(uintptr_t address, size_t bytes) {
  (void)bytes;
  record(address);
}

void __asan_storeN_noabort(uintptr_t address, size_t bytes);
void __asan_storeN_noabort(uintptr_t address, size_t bytes) {
  (void)address;
  (void)bytes;
}

void __asan_handle_no_return(void);
void __asan_handle_no_return(void) {}
