/*
 * stream: 2 levels of one network over one array of constants, as C without an interpreter.
 * Made by redsc 0.1.0 from a model with sha256
 * This file carries no licence obligation.
 *
 *   stream_set_level(STREAM_LEVEL_50); // before any inference; STREAM_LEVEL_100 without it
 *   memcpy(stream_input0(), data, STREAM_INPUT0_BYTES);
 *   stream_run();
 *   use(stream_output0());
 *
 * Inputs and outputs lie where the level has them: ask after stream_set_level(). An inference overwrites its inputs.
 * There is one state for the whole program: no two inferences at the same time.
 */
#ifndef REDSC_STREAM_H_
#define REDSC_STREAM_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__cplusplus) && __cplusplus >= 201103L
#define STREAM_STATIC_ASSERT(condition, text) static_assert(condition, #text)
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define STREAM_STATIC_ASSERT(condition, text) _Static_assert(condition, #text)
#else
#define STREAM_STATIC_ASSERT(condition, text) extern char (*stream_##text(void))[(condition) ? 1 : -1]
#endif

#define STREAM_REDSC_VERSION "0.1.0"

/*
 * Memory, to the byte: tensors and working buffers of one level at a time, and the state. STREAM_ARENA_BYTES are a static
 * array; compile stream.c with STREAM_NO_STATIC_ARENA to lend memory by stream_set_arena() instead.
 */
#define STREAM_ARENA_BYTES 224u /* in which every level runs */
#define STREAM_STATE_BYTES 36u /* what the network keeps between inferences: static as well */

/* Levels, named by their ceiling in percent of the model's MACs; the largest is 0. */
#define STREAM_LEVEL_COUNT 2

typedef enum {
  STREAM_LEVEL_NONE = -1,
  STREAM_LEVEL_100 = 0, /* unmeasured */
  STREAM_LEVEL_50 = 1 /* unmeasured */
} stream_level;

#define STREAM_LEVEL_100_MACS 3168u
#define STREAM_LEVEL_100_ARENA_BYTES 224u /* in which this level runs */

#define STREAM_LEVEL_50_MACS 1536u
#define STREAM_LEVEL_50_ARENA_BYTES 144u /* in which this level runs */

/* input 0, "x": i8[1, 1, 1, 6], as in the file */
#define STREAM_INPUT0_TYPE int8_t
#define STREAM_INPUT0_RANK 4
#define STREAM_INPUT0_SHAPE { 1, 1, 1, 6 }
#define STREAM_INPUT0_ELEMENTS 6u
#define STREAM_INPUT0_BYTES 6u
#define STREAM_INPUT0_SCALE 0.0527392328f /* real = (q - zero point) * scale */
#define STREAM_INPUT0_ZERO_POINT (0)

/* output 0, "fully_connected14": i8[1, 4], as in the file */
#define STREAM_OUTPUT0_TYPE int8_t
#define STREAM_OUTPUT0_RANK 2
#define STREAM_OUTPUT0_SHAPE { 1, 4 }
#define STREAM_OUTPUT0_ELEMENTS 4u
#define STREAM_OUTPUT0_BYTES 4u
#define STREAM_OUTPUT0_SCALE 0.0554999262f /* real = (q - zero point) * scale */
#define STREAM_OUTPUT0_ZERO_POINT (34)

typedef struct {
  const char *name;     /* ceiling in percent of the MACs */
  uint64_t macs;        /* of one inference */
  uint32_t arena_bytes; /* in which this level runs, and any smaller one */
  float quality;        /* measured accuracy or agreement, else SQNR in dB; negative: unmeasured */
} stream_level_info;

extern const stream_level_info stream_levels[STREAM_LEVEL_COUNT];

typedef enum {
  STREAM_OK = 0,
  STREAM_NO_SUCH_LEVEL = 1,
  STREAM_ARENA_TOO_SMALL = 2,  /* for the level */
  STREAM_ARENA_MISALIGNED = 3, /* it must start at a multiple of 16 */
  STREAM_NO_ARENA = 4
} stream_status;

/* Choose the level of the next inferences: one pointer is stored. With an error the level stays. */
stream_status stream_set_level(stream_level level);

/* The level that was chosen. */
stream_level stream_get_level(void);

/*
 * Lend memory for the arena: STREAM_LEVEL_..._ARENA_BYTES are enough for that level, so choose a small level before lending
 * little. It is free for other use between inferences, but for outputs that are still needed. NULL takes the static
 * array again; without one there is no arena. With an error the arena stays.
 */
stream_status stream_set_arena(void *arena, size_t bytes);

/* Forget: the state is what it was before the first inference. */
void stream_reset(void);

/* Where the level's inputs and outputs are; NULL without an arena. */
int8_t *stream_input0(void);
const int8_t *stream_output0(void);

/* One inference of the level. */
stream_status stream_run(void);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_STREAM_H_ */
