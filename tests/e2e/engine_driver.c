/*
 * Runs SAMPLES samples in every level of `net`, from in.bin to out.bin. Each level gets an arena of exactly its bytes,
 * filled with rubbish before each sample, with GUARD_BYTES around that must survive. See engine.py.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net.h"

#define RUBBISH 0xA5
#define GUARD 0x5A
#define READ(index) || fread(net_input##index(), NET_INPUT##index##_BYTES, 1, in) != 1
#define WRITE(index) || fwrite(net_output##index(), NET_OUTPUT##index##_BYTES, 1, out) != 1

static const size_t arena_bytes[NET_LEVEL_COUNT] = {ARENAS};

/* Return whether the bytes around an arena are as they were. */
static int is_guarded(const uint8_t *block, const uint8_t *arena, size_t bytes) {
  const uint8_t *at;
  for (at = block; at < block + bytes + GUARD_BYTES; ++at) {
    if ((at < arena || at >= arena + bytes) && *at != GUARD) {
      return 0;
    }
  }
  return 1;
}

static int run_samples(FILE *in, FILE *out, uint8_t *arena, size_t bytes) {
  int sample;
  for (sample = 0; sample < SAMPLES; ++sample) {
    memset(arena, RUBBISH, bytes);
    if (0 READS || net_run() != NET_OK WRITES) {
      return 0;
    }
  }
  return 1;
}

static int run_level(FILE *in, FILE *out, net_level level) {
  const size_t bytes = arena_bytes[level];
  uint8_t *const block = (uint8_t *)malloc(bytes + GUARD_BYTES);
  uint8_t *const arena = block + (16u - (uintptr_t)block % 16u) % 16u;
  int is_right;
  if (block == NULL || net_set_arena(NULL, 0) != NET_OK || net_set_level(level) != NET_OK ||
      net_set_arena(arena, bytes) != NET_OK) {
    return 0;
  }
#ifdef NET_STATE_BYTES
  net_reset();
#endif
  memset(block, GUARD, bytes + GUARD_BYTES);
  is_right = run_samples(in, out, arena, bytes) && is_guarded(block, arena, bytes);
  free(block);
  return is_right;
}

int main(void) {
  FILE *in = fopen("in.bin", "rb"), *out = fopen("out.bin", "wb");
  int level;
  if (in == NULL || out == NULL) {
    return 1;
  }
  for (level = 0; level < NET_LEVEL_COUNT; ++level) {
    if (!run_level(in, out, (net_level)level)) {
      return 2 + level;
    }
  }
  return fclose(in) != 0 || fclose(out) != 0;
}
