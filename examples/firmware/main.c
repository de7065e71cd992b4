/* Switches levels while a battery runs low. The same program for this machine and for a Cortex-M4: see the Makefile. */
#include <stdio.h>

#include "clock.h"
#include "fashion.h"
#include "fashion_manager.h"
#include "images.h"

enum { CLASS_COUNT = FASHION_OUTPUT0_ELEMENTS, STEP_COUNT = 11 };

static const char *const class_names[CLASS_COUNT] = {"T-shirt", "trousers", "pullover", "dress", "coat",
                                                     "sandal",  "shirt",    "sneaker",  "bag",   "boot"};

/* What is left in the battery before each inference: it runs low, then the sun comes out. */
static const uint8_t battery_percent[STEP_COUNT] = {100, 90, 70, 50, 40, 30, 20, 60, 60, 100, 100};

/* Write an image, grey values from 0 to 255 that stand for 0.0 to 1.0, in the numbers of the network. */
static void write_image(const uint8_t *image) {
  int8_t *const input = fashion_input0();
  size_t i;
  for (i = 0; i < FASHION_INPUT0_ELEMENTS; ++i) {
    const int32_t number = (int32_t)(image[i] / 255.0f / FASHION_INPUT0_SCALE + 0.5f) + FASHION_INPUT0_ZERO_POINT;
    input[i] = (int8_t)(number < INT8_MAX ? number : INT8_MAX);
  }
}

/* Return the class of the largest output. */
static int largest_output(void) {
  const int8_t *const output = fashion_output0();
  int best = 0, i;
  for (i = 1; i < CLASS_COUNT; ++i) {
    best = output[i] > output[best] ? i : best;
  }
  return best;
}

/* Classify an image in a level, -1 if there is none. It goes in after the level is chosen: each has its input where it wants it. */
static int classify(fashion_level level, const uint8_t *image) {
  if (fashion_set_level(level) != FASHION_OK) {
    return -1;
  }
  write_image(image);
  fashion_run();
  return largest_output();
}

/* Run all images in one level, and print what it costs and how good it is. */
static void print_level(int level) {
  const fashion_level_info *const info = &fashion_levels[level];
  const uint32_t start = clock_now();
  int right = 0, i;
  for (i = 0; i < IMAGE_COUNT; ++i) {
    right += classify((fashion_level)level, images[i]) == labels[i];
  }
  printf("level %3s: %7lu MACs, arena %5lu B, %2d of %d right, %lu %s\n", info->name, (unsigned long)info->macs,
         (unsigned long)info->arena_bytes, right, IMAGE_COUNT,
         (unsigned long)((clock_now() - start) / IMAGE_COUNT), clock_unit);
}

int main(void) {
  const fashion_governor_options options = {2, 50}; /* up after two budgets with 5 % to spare */
  fashion_governor governor;
  fashion_budget budget = FASHION_BUDGET_UNLIMITED;
  int level, i;
  for (level = 0; level < FASHION_LEVEL_COUNT; ++level) {
    print_level(level);
  }
  fashion_governor_init(&governor, options);
  for (i = 0; i < STEP_COUNT; ++i) {
    fashion_level chosen;
    int found;
    budget.macs = FASHION_LEVEL_100_MACS * (uint64_t)battery_percent[i] / 100;
    chosen = fashion_governor_update(&governor, &budget);
    found = classify(chosen, images[i]);
    if (found < 0) {
      printf("battery %3d %%: no level\n", battery_percent[i]);
    } else {
      printf("battery %3d %%: level %3s sees: %s%s\n", battery_percent[i], fashion_levels[chosen].name,
             class_names[found], found == labels[i] ? "" : " (wrong)");
    }
  }
  return 0;
}
