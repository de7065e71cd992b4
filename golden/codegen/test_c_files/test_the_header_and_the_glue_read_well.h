/*
 * net: 2 levels of one network over one weight array.
 * Made by redsc 0.1.0 from a model with sha256
 * 0000000000000000000000000000000000000000000000000000000000000000.
 * This file carries no licence obligation.
 */
#ifndef REDSC_NET_H_
#define REDSC_NET_H_

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
 * Memory. An arena starts at a multiple of 16. Sizes are those of a 32-bit target.
 * The arena plan is for any kernels; sizes are those of TFLM's own, others may ask for scratch on top.
 */
#define NET_ARENA_BYTES 3944u /* --resident all */
#define NET_RESIDENT_ALL_BYTES 3944u /* every level ready: a switch is a pointer */
#define NET_RESIDENT_ONE_BYTES 2660u /* one level at a time: a switch allocates anew */
#define NET_MODEL_BYTES 5360u

/* Refuse to compile with an arena that is too small: NET_CHECK_ARENA(sizeof(arena)); */
#define NET_CHECK_ARENA(bytes) NET_STATIC_ASSERT((bytes) >= NET_ARENA_BYTES, arena_is_too_small)

/* Levels, named by their ceiling in percent of the model's MACs; the largest is 0. */
#define NET_LEVEL_COUNT 2

typedef enum {
  NET_LEVEL_NONE = -1,
  NET_LEVEL_100 = 0, /* unmeasured */
  NET_LEVEL_37_5 = 1 /* accuracy 0.9125 (95 % confidence: 0.8934 to 0.9285) on 1000 samples */
} net_level;

#define NET_LEVEL_100_MACS 5000u
#define NET_LEVEL_100_HEAD_BYTES 1280u
#define NET_LEVEL_100_TAIL_BYTES 1380u
#define NET_LEVEL_100_ARENA_BYTES 2660u /* this level alone */

#define NET_LEVEL_37_5_MACS 1800u
#define NET_LEVEL_37_5_HEAD_BYTES 640u
#define NET_LEVEL_37_5_TAIL_BYTES 1284u
#define NET_LEVEL_37_5_ARENA_BYTES 2020u /* this level alone */

/* input 0, "x": i8[1, 8, 8, 3], NHWC in place of the file's [1, 3, 8, 8] */
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
  uint32_t slot_offset; /* of the level's model in net_model */
  uint32_t arena_bytes; /* in which this level alone runs, and any smaller one */
  float quality;        /* measured accuracy or agreement, else SQNR in dB; negative: unmeasured */
} net_level_info;

/* The weights and structure of all levels. NET_MODEL(level) is an ordinary TFLite model. */
extern const unsigned char net_model[NET_MODEL_BYTES];
extern const net_level_info net_levels[NET_LEVEL_COUNT];

#define NET_MODEL(level) ((const void *)(net_model + 16 * (level)))

#ifdef __cplusplus
}
#endif

#endif /* REDSC_NET_H_ */
