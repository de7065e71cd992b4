/*
 * net: 2 levels of one network over one array of constants, as C without an interpreter.
 * Made by redsc 0.1.0 from a model with sha256
 * This file carries no licence obligation.
 *
 *   net_set_level(NET_LEVEL_50); // before any inference; NET_LEVEL_100 without it
 *   memcpy(net_input0(), data, NET_INPUT0_BYTES);
 *   net_run();
 *   use(net_output0());
 *
 * Inputs and outputs lie where the level has them: ask after net_set_level(). An inference overwrites its inputs.
 * There is one state for the whole program: no two inferences at the same time.
 */
#ifndef REDSC_NET_H_
#define REDSC_NET_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__cplusplus) && __cplusplus >= 201103L
#define NET_STATIC_ASSERT(condition, text) static_assert(condition, #text)
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define NET_STATIC_ASSERT(condition, text) _Static_assert(condition, #text)
#else
#define NET_STATIC_ASSERT(condition, text) extern char (*net_##text(void))[(condition) ? 1 : -1]
#endif

#define NET_REDSC_VERSION "0.1.0"

/*
 * Memory, to the byte: tensors and working buffers of one level at a time. NET_ARENA_BYTES are a static
 * array; compile net.c with NET_NO_STATIC_ARENA to lend memory by net_set_arena() instead.
 */
#define NET_ARENA_BYTES 1312u /* in which every level runs */

/* Levels, named by their ceiling in percent of the model's MACs; the largest is 0. */
#define NET_LEVEL_COUNT 2

typedef enum {
  NET_LEVEL_NONE = -1,
  NET_LEVEL_100 = 0, /* unmeasured */
  NET_LEVEL_50 = 1 /* unmeasured */
} net_level;

#define NET_LEVEL_100_MACS 25536u
#define NET_LEVEL_100_ARENA_BYTES 1312u /* in which this level runs */

#define NET_LEVEL_50_MACS 11904u
#define NET_LEVEL_50_ARENA_BYTES 1056u /* in which this level runs */

/* input 0, "x": i8[1, 8, 8, 3], as in the file */
#define NET_INPUT0_TYPE int8_t
#define NET_INPUT0_RANK 4
#define NET_INPUT0_SHAPE { 1, 8, 8, 3 }
#define NET_INPUT0_ELEMENTS 192u
#define NET_INPUT0_BYTES 192u
#define NET_INPUT0_SCALE 0.0527392328f /* real = (q - zero point) * scale */
#define NET_INPUT0_ZERO_POINT (0)

/* output 0, "fully_connected6": i8[1, 5], as in the file */
#define NET_OUTPUT0_TYPE int8_t
#define NET_OUTPUT0_RANK 2
#define NET_OUTPUT0_SHAPE { 1, 5 }
#define NET_OUTPUT0_ELEMENTS 5u
#define NET_OUTPUT0_BYTES 5u
#define NET_OUTPUT0_SCALE 0.0321069509f /* real = (q - zero point) * scale */
#define NET_OUTPUT0_ZERO_POINT (33)

typedef struct {
  const char *name;     /* ceiling in percent of the MACs */
  uint64_t macs;        /* of one inference */
  uint32_t arena_bytes; /* in which this level runs, and any smaller one */
  float quality;        /* measured accuracy or agreement, else SQNR in dB; negative: unmeasured */
} net_level_info;

extern const net_level_info net_levels[NET_LEVEL_COUNT];

typedef enum {
  NET_OK = 0,
  NET_NO_SUCH_LEVEL = 1,
  NET_ARENA_TOO_SMALL = 2,  /* for the level */
  NET_ARENA_MISALIGNED = 3, /* it must start at a multiple of 16 */
  NET_NO_ARENA = 4
} net_status;

/* Choose the level of the next inferences: one pointer is stored. With an error the level stays. */
net_status net_set_level(net_level level);

/* The level that was chosen. */
net_level net_get_level(void);

/*
 * Lend memory for the arena: NET_LEVEL_..._ARENA_BYTES are enough for that level, so choose a small level before lending
 * little. It is free for other use between inferences, but for outputs that are still needed. NULL takes the static
 * array again; without one there is no arena. With an error the arena stays.
 */
net_status net_set_arena(void *arena, size_t bytes);

/* Where the level's inputs and outputs are; NULL without an arena. */
int8_t *net_input0(void);
const int8_t *net_output0(void);

/* One inference of the level. */
net_status net_run(void);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_NET_H_ */
