/*
 * What an application does with the C engine of two models, `net` (two levels) and `stream` (two levels, with state).
 * The argument names a case; what is not as it should be is printed. See test_engine_files.py.
 */
#include <stdio.h>
#include <string.h>

#include "net_manager.h"
#include "stream_manager.h"

#define CHECK(claim) (void)((claim) || printf("line %d: %s\n", __LINE__, #claim))

typedef union {
  uint8_t bytes[NET_ARENA_BYTES + STREAM_ARENA_BYTES + 32];
  uint64_t words[1];
} memory;

static memory block;

static uint8_t *aligned(void) { return block.bytes + (16u - (uintptr_t)block.bytes % 16u) % 16u; }

static int is_inside(const void *pointer, const void *start, size_t bytes) {
  return (uintptr_t)pointer >= (uintptr_t)start && (uintptr_t)pointer < (uintptr_t)start + bytes;
}

static int8_t run_net(int seed) {
  size_t i;
  for (i = 0; i < NET_INPUT0_BYTES; ++i) {
    net_input0()[i] = (int8_t)((int)(i * 37u % 251u) * seed % 128);
  }
  CHECK(net_run() == NET_OK);
  return net_output0()[0];
}

static void step_stream(int seed, int8_t *output) {
  memset(stream_input0(), seed, STREAM_INPUT0_BYTES);
  CHECK(stream_run() == STREAM_OK);
  memcpy(output, stream_output0(), STREAM_OUTPUT0_BYTES);
}

static void a_level_that_is_not_there(void) {
  volatile int beyond = NET_LEVEL_COUNT;
  CHECK(net_get_level() == NET_LEVEL_100);
  CHECK(net_set_level(NET_LEVEL_NONE) == NET_NO_SUCH_LEVEL);
  CHECK(net_set_level((net_level)beyond) == NET_NO_SUCH_LEVEL);
  CHECK(net_get_level() == NET_LEVEL_100);
  CHECK(net_set_level(NET_LEVEL_50) == NET_OK);
  CHECK(net_get_level() == NET_LEVEL_50);
}

static void an_arena_that_is_wrong(void) {
  CHECK(net_set_arena(aligned() + 8, NET_ARENA_BYTES) == NET_ARENA_MISALIGNED);
  CHECK(net_set_arena(aligned(), NET_LEVEL_100_ARENA_BYTES - 1) == NET_ARENA_TOO_SMALL);
  CHECK(!is_inside(net_input0(), block.bytes, sizeof(block)));
  CHECK(net_set_arena(aligned(), NET_LEVEL_100_ARENA_BYTES) == NET_OK);
  CHECK(net_set_arena(aligned() + 16, 0) == NET_ARENA_TOO_SMALL);
  CHECK(is_inside(net_input0(), aligned(), NET_LEVEL_100_ARENA_BYTES));
  CHECK(is_inside(net_output0(), aligned(), NET_LEVEL_100_ARENA_BYTES));
}

static void an_arena_that_is_lent_and_taken_back(void) {
  const int8_t own = run_net(3);
  CHECK(net_set_arena(aligned(), NET_LEVEL_100_ARENA_BYTES) == NET_OK);
  CHECK(run_net(3) == own);
  CHECK(net_set_arena(NULL, 0) == NET_OK);
  memset(block.bytes, 0xA5, sizeof(block));
  CHECK(run_net(3) == own);
  CHECK(block.bytes[0] == 0xA5 && !memcmp(block.bytes, block.bytes + 1, sizeof(block) - 1));
}

static void an_arena_for_a_small_level(void) {
  CHECK(NET_LEVEL_50_ARENA_BYTES < NET_LEVEL_100_ARENA_BYTES);
  CHECK(net_set_arena(aligned(), NET_LEVEL_50_ARENA_BYTES) == NET_ARENA_TOO_SMALL);
  CHECK(net_set_level(NET_LEVEL_50) == NET_OK);
  CHECK(net_set_arena(aligned(), NET_LEVEL_50_ARENA_BYTES) == NET_OK);
  CHECK(net_set_level(NET_LEVEL_100) == NET_ARENA_TOO_SMALL);
  CHECK(net_get_level() == NET_LEVEL_50);
  (void)run_net(1);
  CHECK(net_set_arena(NULL, 0) == NET_OK);
  CHECK(net_set_level(NET_LEVEL_100) == NET_OK);
}

/* For a build with NET_NO_STATIC_ARENA. */
static void no_arena(void) {
  CHECK(net_input0() == NULL);
  CHECK(net_output0() == NULL);
  CHECK(net_run() == NET_NO_ARENA);
  CHECK(net_set_level(NET_LEVEL_50) == NET_OK);
  CHECK(net_set_arena(NULL, 0) == NET_OK);
  CHECK(net_set_arena(aligned(), NET_LEVEL_50_ARENA_BYTES) == NET_OK);
  (void)run_net(1);
  CHECK(net_set_level(NET_LEVEL_100) == NET_ARENA_TOO_SMALL);
  CHECK(net_set_arena(NULL, NET_ARENA_BYTES) == NET_OK);
  CHECK(net_run() == NET_NO_ARENA);
}

static void two_models_do_not_disturb_each_other(void) {
  int8_t first[STREAM_OUTPUT0_BYTES], again[STREAM_OUTPUT0_BYTES];
  const int8_t alone = run_net(2);
  step_stream(5, first);
  CHECK(run_net(2) == alone);
  stream_reset();
  CHECK(net_set_level(NET_LEVEL_50) == NET_OK);
  (void)run_net(9);
  CHECK(stream_get_level() == STREAM_LEVEL_100);
  step_stream(5, again);
  CHECK(memcmp(first, again, sizeof(first)) == 0);
}

static void a_reset_begins_anew(void) {
  int8_t first[STREAM_OUTPUT0_BYTES], second[STREAM_OUTPUT0_BYTES], again[STREAM_OUTPUT0_BYTES];
  step_stream(60, first);
  step_stream(60, second);
  CHECK(memcmp(first, second, sizeof(first)) != 0);
  stream_reset();
  step_stream(60, again);
  CHECK(memcmp(first, again, sizeof(first)) == 0);
}

static void the_state_is_not_in_the_arena(void) {
  int8_t wanted[STREAM_OUTPUT0_BYTES], found[STREAM_OUTPUT0_BYTES];
  step_stream(60, wanted);
  step_stream(-20, wanted);
  stream_reset();
  step_stream(60, found);
  CHECK(stream_set_level(STREAM_LEVEL_50) == STREAM_OK);
  CHECK(stream_set_arena(aligned(), STREAM_LEVEL_50_ARENA_BYTES) == STREAM_OK);
  memset(aligned(), 0xA5, STREAM_LEVEL_50_ARENA_BYTES);
  CHECK(stream_set_arena(NULL, 0) == STREAM_OK);
  CHECK(stream_set_level(STREAM_LEVEL_100) == STREAM_OK);
  step_stream(-20, found);
  CHECK(memcmp(wanted, found, sizeof(found)) == 0);
}

static void a_level_by_budget(void) {
  const net_governor_options options = {1, 0};
  net_governor governor;
  net_budget budget = NET_BUDGET_UNLIMITED;
  CHECK(net_set_level(net_select(&budget)) == NET_OK && net_get_level() == NET_LEVEL_100);
  budget.arena_bytes = NET_LEVEL_100_ARENA_BYTES - 1;
  CHECK(net_set_level(net_select(&budget)) == NET_OK && net_get_level() == NET_LEVEL_50);
  net_governor_init(&governor, options);
  CHECK(net_set_level(net_governor_update(&governor, &budget)) == NET_OK && net_get_level() == NET_LEVEL_50);
  budget.macs = 1;
  CHECK(net_set_level(net_governor_update(&governor, &budget)) == NET_NO_SUCH_LEVEL);
}

static const struct {
  const char *name;
  void (*run)(void);
} cases[] = {
    {"a_level_that_is_not_there", a_level_that_is_not_there},
    {"an_arena_that_is_wrong", an_arena_that_is_wrong},
    {"an_arena_that_is_lent_and_taken_back", an_arena_that_is_lent_and_taken_back},
    {"an_arena_for_a_small_level", an_arena_for_a_small_level},
    {"no_arena", no_arena},
    {"two_models_do_not_disturb_each_other", two_models_do_not_disturb_each_other},
    {"a_reset_begins_anew", a_reset_begins_anew},
    {"the_state_is_not_in_the_arena", the_state_is_not_in_the_arena},
    {"a_level_by_budget", a_level_by_budget},
};

int main(int count, char **arguments) {
  size_t i;
  for (i = 0; count == 2 && i < sizeof(cases) / sizeof(cases[0]); ++i) {
    if (strcmp(arguments[1], cases[i].name) == 0) {
      cases[i].run();
      return 0;
    }
  }
  return 1;
}
