/* What a firmware knows of its levels without TensorFlow Lite Micro: the table, the models in flash, the manager. */
#include <stdio.h>

#include "fashion.h"
#include "fashion_manager.h"

FASHION_STATIC_ASSERT(FASHION_RESIDENT_ALL_BYTES >= FASHION_RESIDENT_ONE_BYTES, more_levels_take_more);

/* Whether a pointer is what tflite::GetModel() takes: aligned, with the mark of a TFLite file. */
static int is_model(const void *pointer) {
  const unsigned char *bytes = (const unsigned char *)pointer;
  return (uintptr_t)bytes % 16 == 0 && bytes[4] == 'T' && bytes[5] == 'F' && bytes[6] == 'L' && bytes[7] == '3';
}

static void print_selected(const char *what, fashion_budget budget) {
  const fashion_level level = fashion_select(&budget);
  printf("%s: %s\n", what, level == FASHION_LEVEL_NONE ? "no level" : fashion_levels[level].name);
}

int main(void) {
  const fashion_level_info *smallest = &fashion_levels[FASHION_LEVEL_COUNT - 1];
  fashion_budget budget = FASHION_BUDGET_UNLIMITED;
  int slot;
  printf("%u B of models, arena %u B\n", (unsigned)FASHION_MODEL_BYTES, (unsigned)FASHION_ARENA_BYTES);
  for (slot = 0; slot < FASHION_LEVEL_COUNT; ++slot) {
    const fashion_level_info *level = &fashion_levels[slot];
    if (!is_model(FASHION_MODEL(slot))) {
      printf("slot %d holds no model\n", slot);
      return 1;
    }
    printf("level %s: %lu MACs, arena %lu B, model at %lu\n", level->name, (unsigned long)level->macs,
           (unsigned long)level->arena_bytes, (unsigned long)level->slot_offset);
  }
  print_selected("within any budget", budget);
  budget.macs = smallest->macs;
  print_selected("within the MACs of the smallest level", budget);
  budget.macs = smallest->macs - 1;
  print_selected("within one MAC less", budget);
  return 0;
}
