/*
 * net, run-time manager: which level to run. No heap, no floats, no state but the caller's.
 * Made by redsc 0.1.0 from a model with sha256
 * 0000000000000000000000000000000000000000000000000000000000000000.
 * This file carries no licence obligation.
 */
#ifndef REDSC_NET_MANAGER_H_
#define REDSC_NET_MANAGER_H_

#include <stddef.h>

#include "net.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What one inference may take. Start from NET_BUDGET_UNLIMITED: a bound at its maximum bounds nothing. */
typedef struct {
  uint64_t macs;
  uint32_t arena_bytes; /* for one level alone */
  uint32_t latency_us;  /* estimated, +-6.6 % for nucleo-l4r5zi */
  uint32_t energy_uj;   /* estimated, +-4.9 % for nucleo-l4r5zi */
} net_budget;

#define NET_BUDGET_UNLIMITED { UINT64_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX }

/* Return the largest level within a budget, NET_LEVEL_NONE if even the smallest is not. */
static inline net_level net_select(const net_budget *budget) {
  int slot;
  for (slot = 0; slot < NET_LEVEL_COUNT; ++slot) {
    const net_level_info *level = &net_levels[slot];
    if (level->macs <= budget->macs &&
        level->latency_us <= budget->latency_us &&
        level->energy_uj <= budget->energy_uj &&
        level->arena_bytes <= budget->arena_bytes) {
      return (net_level)slot;
    }
  }
  return NET_LEVEL_NONE;
}

/*
 * Governor: follows a budget that goes up and down, without going back and forth between levels.
 *
 * 1. The level is never larger than what net_select() gives for the same budget: it goes down at once.
 * 2. It goes up when a larger level was within each of the last `patience` budgets, all of them given since the last
 *    change and each taken as `margin_permille` thousandths smaller; then to the largest that was within all of them.
 * 3. While there is no level the margin does not count, and the first budget waits for no others.
 */
typedef struct {
  uint32_t patience;        /* updates; 0 and 1 are the same */
  uint32_t margin_permille; /* 0 to 1000 */
} net_governor_options;

typedef struct {
  net_governor_options options;
  net_level level;
  net_level larger; /* within all budgets that were waited for */
  uint32_t waited; /* budgets since the level could go up */
} net_governor;

static inline void net_governor_init(net_governor *governor, net_governor_options options) {
  governor->options = options;
  governor->level = NET_LEVEL_NONE;
  governor->larger = (net_level)0;
  governor->waited = options.patience > 0 ? options.patience - 1 : 0;
}

static inline int net_is_larger(net_level a, net_level b) {
  return a != NET_LEVEL_NONE && (b == NET_LEVEL_NONE || a < b);
}

/* Return a bound reduced by thousandths of it, rounded down; `unbounded` stays. */
static inline uint64_t net_bound_less(uint64_t bound, uint64_t unbounded, uint32_t permille) {
  const uint32_t rest = permille < 1000u ? 1000u - permille : 0u;
  return bound == unbounded ? bound : bound / 1000u * rest + bound % 1000u * rest / 1000u;
}

static inline net_level net_select_with_margin(const net_budget *budget, uint32_t permille) {
  net_budget less;
  less.macs = net_bound_less(budget->macs, UINT64_MAX, permille);
  less.arena_bytes = (uint32_t)net_bound_less(budget->arena_bytes, UINT32_MAX, permille);
  less.latency_us = (uint32_t)net_bound_less(budget->latency_us, UINT32_MAX, permille);
  less.energy_uj = (uint32_t)net_bound_less(budget->energy_uj, UINT32_MAX, permille);
  return net_select(&less);
}

/* Return the level to run under this budget, maybe NET_LEVEL_NONE. */
static inline net_level net_governor_update(
    net_governor *governor, const net_budget *budget) {
  const uint32_t permille = governor->level == NET_LEVEL_NONE ? 0u : governor->options.margin_permille;
  const net_level most = net_select(budget);
  const net_level larger = net_select_with_margin(budget, permille);
  if (net_is_larger(governor->level, most)) {
    governor->level = most;
    governor->waited = 0;
  } else if (!net_is_larger(larger, governor->level)) {
    governor->waited = 0;
  } else {
    if (governor->waited == 0 || net_is_larger(governor->larger, larger)) {
      governor->larger = larger;
    }
    ++governor->waited;
    if (governor->waited >= governor->options.patience) {
      governor->level = governor->larger;
      governor->waited = 0;
    }
  }
  return governor->level;
}

/*
 * Cascade: run a small level, and a larger one only where the small one is not sure.
 * 2800 MACs on average, agreement with level 100 0.9960 (95 % confidence: 0.9856 to 0.9989) on 500 samples.
 *
 *   static const int8_t *infer(void *context, net_level level) {
 *     ... make this level ready, write its input, run it, return its output 0, NULL if it failed ...
 *   }
 *
 *   const int8_t *output;
 *   net_level level = net_cascade_run(infer, context, largest, &output);
 *
 * The input does not survive: levels share one arena, and a level writes over the input of every other one. Keep the
 * NET_INPUT0_BYTES of it elsewhere: `infer` writes them anew before each run.
 */
#define NET_CASCADE_FIRST NET_LEVEL_37_5

typedef struct {
  int16_t threshold; /* of the margin; 0: an answer of this level is final */
  net_level next; /* to run with a margin below it */
} net_cascade_step;

extern const net_cascade_step net_cascade[NET_LEVEL_COUNT];

/* Return the largest element minus the second largest, 0 to 255; there are at least two. */
static inline int net_cascade_margin(const int8_t *output, size_t count) {
  int first = INT8_MIN;
  int second = INT8_MIN;
  size_t i;
  for (i = 0; i < count; ++i) {
    if (output[i] > first) {
      second = first;
      first = output[i];
    } else if (output[i] > second) {
      second = output[i];
    }
  }
  return first - second;
}

/* Return the level to run after this one gave this output; the same level if its answer is final. */
static inline net_level net_cascade_next(net_level level, const int8_t *output, size_t count) {
  const net_cascade_step *step;
  if (level < 0 || level >= NET_LEVEL_COUNT) {
    return level;
  }
  step = &net_cascade[level];
  return net_cascade_margin(output, count) < step->threshold ? step->next : level;
}

/* Write the input of a level, run it, and return its output 0; NULL if it failed. */
typedef const int8_t *(*net_infer)(void *context, net_level level);

/*
 * Run levels from the first of the cascade up, none larger than `largest` (that of net_select() or of the
 * governor), until one is sure. Return the level that answered, with its output; NET_LEVEL_NONE if one failed or
 * `largest` is none.
 */
static inline net_level net_cascade_run(
    net_infer infer, void *context, net_level largest, const int8_t **output) {
  net_level level = NET_CASCADE_FIRST;
  *output = NULL;
  if (largest < 0 || largest >= NET_LEVEL_COUNT) {
    return NET_LEVEL_NONE;
  }
  level = level < largest ? largest : level; /* slots count from the largest */
  for (;;) {
    net_level next;
    *output = infer(context, level);
    if (*output == NULL) {
      return NET_LEVEL_NONE;
    }
    next = net_cascade_next(level, *output, NET_OUTPUT0_ELEMENTS);
    if (next == level || next < largest) {
      return level;
    }
    level = next;
  }
}

#ifdef __cplusplus
}
#endif

#endif /* REDSC_NET_MANAGER_H_ */
