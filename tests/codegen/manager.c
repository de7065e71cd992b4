/* Reads commands and prints what the run-time manager of `net` says to each. See test_manager.py. */
#include <stdio.h>
#include "net_manager.h"
#include "other_manager.h"

static unsigned char arena[NET_ARENA_BYTES];
NET_CHECK_ARENA(sizeof(arena));
NET_CHECK_ARENA(NET_ARENA_BYTES);
OTHER_CHECK_ARENA(OTHER_ARENA_BYTES);

static net_budget read_budget(void) {
  net_budget budget = NET_BUDGET_UNLIMITED;
  unsigned long long macs = 0;
  unsigned long bytes = 0, time = 0, energy = 0;
  if (scanf("%llu %lu %lu %lu", &macs, &bytes, &time, &energy) == 4) {
    budget.macs = macs;
    budget.arena_bytes = (uint32_t)bytes;
    budget.latency_us = (uint32_t)time;
    budget.energy_uj = (uint32_t)energy;
  }
  return budget;
}

static net_level read_next(void) {
  int8_t output[NET_OUTPUT0_ELEMENTS];
  int level = 0, value = 0;
  size_t i;
  if (scanf("%d", &level) != 1) {
    return NET_LEVEL_NONE;
  }
  for (i = 0; i < sizeof(output); ++i) {
    output[i] = (int8_t)(scanf("%d", &value) == 1 ? value : 0);
  }
  return net_cascade_next((net_level)level, output, sizeof(output));
}

/* The outputs that a cascade gets from its levels, by slot; which of them ran. */
typedef struct {
  int8_t outputs[NET_LEVEL_COUNT][NET_OUTPUT0_ELEMENTS];
  int failing;
  unsigned ran;
} world;

static const int8_t *infer(void *context, net_level level) {
  world *known = (world *)context;
  known->ran |= 1u << (int)level;
  return (int)level == known->failing ? NULL : known->outputs[level];
}

/* Print the level that answers, which levels ran as bits, and whether the output is that level's. */
static void run_cascade(void) {
  world known;
  int largest = 0, value = 0;
  size_t slot, i;
  const int8_t *output;
  net_level level;
  known.ran = 0;
  if (scanf("%d %d", &largest, &known.failing) != 2) {
    return;
  }
  for (slot = 0; slot < NET_LEVEL_COUNT; ++slot) {
    for (i = 0; i < NET_OUTPUT0_ELEMENTS; ++i) {
      known.outputs[slot][i] = (int8_t)(scanf("%d", &value) == 1 ? value : 0);
    }
  }
  level = net_cascade_run(infer, &known, (net_level)largest, &output);
  printf("%d\n%u\n%d\n", (int)level, known.ran, level == NET_LEVEL_NONE ? output == NULL : output == known.outputs[level]);
}

int main(void) {
  net_governor governor;
  net_governor_options options = {0, 0};
  net_budget budget;
  char command;
  const other_budget unlimited = OTHER_BUDGET_UNLIMITED;
  NET_CHECK_ARENA(sizeof(arena));
  printf("%d %d %d\n", (int)other_select(&unlimited), (int)NET_CASCADE_FIRST, (int)arena[0]);
  net_governor_init(&governor, options);
  while (scanf(" %c", &command) == 1) {
    if (command == 's') {
      budget = read_budget();
      printf("%d\n", (int)net_select(&budget));
    } else if (command == 'g') {
      unsigned patience = 0, margin = 0;
      if (scanf("%u %u", &patience, &margin) == 2) {
        options.patience = patience;
        options.margin_permille = margin;
      }
      net_governor_init(&governor, options);
    } else if (command == 'u') {
      budget = read_budget();
      printf("%d\n", (int)net_governor_update(&governor, &budget));
    } else if (command == 'c') {
      run_cascade();
    } else {
      printf("%d\n", (int)read_next());
    }
  }
  return 0;
}
