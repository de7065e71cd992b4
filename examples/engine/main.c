/* Runs the C engine: every level on one image, then the level that a governor chooses while the battery runs low. */
#include <stdio.h>

#include "fashion.h"
#include "fashion_manager.h"

/* Write a picture of a pair of trousers: two light legs on black, real values from 0 to 1. */
static void write_image(void) {
  int8_t *const input = fashion_input0();
  int i;
  for (i = 0; i < (int)FASHION_INPUT0_ELEMENTS; ++i) {
    const int x = i % 28, y = i / 28;
    const int is_leg = (x > 8 && x < 13) || (x > 14 && x < 19) || (y < 6 && x > 8 && x < 19);
    const float real = is_leg ? 0.8f : 0.0f;
    input[i] = (int8_t)(real / FASHION_INPUT0_SCALE + FASHION_INPUT0_ZERO_POINT);
  }
}

static int largest_output(void) {
  const int8_t *const output = fashion_output0();
  int best = 0, i;
  for (i = 1; i < (int)FASHION_OUTPUT0_ELEMENTS; ++i) {
    best = output[i] > output[best] ? i : best;
  }
  return best;
}

/* Run one image in a level. The image goes in after the level is chosen: each has its input where it wants it. */
static int classify(fashion_level level) {
  if (fashion_set_level(level) != FASHION_OK) {
    return -1;
  }
  write_image();
  fashion_run();
  return largest_output();
}

int main(void) {
  const fashion_governor_options options = {2, 50}; /* up after two budgets with 5 % to spare */
  fashion_governor governor;
  fashion_budget budget = FASHION_BUDGET_UNLIMITED;
  int slot, percent;
  for (slot = 0; slot < FASHION_LEVEL_COUNT; ++slot) {
    printf("level %s: %lu MACs, arena %lu B, class %d\n", fashion_levels[slot].name,
           (unsigned long)fashion_levels[slot].macs, (unsigned long)fashion_levels[slot].arena_bytes,
           classify((fashion_level)slot));
  }
  fashion_governor_init(&governor, options);
  for (percent = 100; percent > 0; percent -= 30) {
    fashion_level level;
    budget.macs = fashion_levels[0].macs * (uint64_t)percent / 100;
    level = fashion_governor_update(&governor, &budget);
    if (level == FASHION_LEVEL_NONE) {
      printf("battery %d %%: no level\n", percent);
    } else {
      printf("battery %d %%: level %s, class %d\n", percent, fashion_levels[level].name, classify(level));
    }
  }
  return 0;
}
