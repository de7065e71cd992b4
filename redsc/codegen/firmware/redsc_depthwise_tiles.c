/*
 * redsc: the inner loops of the planar depthwise convolution in assembly. This file carries no licence obligation.
 */
#include "redsc_depthwise_tiles.h"

#if REDSC_DSP

#include "redsc_assembly.h"

/* The fields of a job behind the nine registers that are pushed. */
#define MULTIPLIER_AND_ROUNDING "[sp, #36]\n"
#define SHIFT_AND_NEXT "[sp, #44]\n"
#define NEXT "[sp, #48]\n"
#define PITCH_AND_END "[sp, #52]\n"
#define PITCH "[sp, #52]\n"
#define END "[sp, #56]\n"
#define BIAS "[sp, #60]\n"
#define PIXEL_STEP "[sp, #64]\n"
#define LINE_STEP "[sp, #68]\n"
#define SPAN "[sp, #72]\n"
#define IS_ODD "[sp, #76]\n"
#define X_AND_Y "[sp, #80]\n"
#define COUNT "[sp, #88]\n"
typedef char redsc_tile_job_has_14_words[sizeof(redsc_tile_job) == 56 ? 1 : -1];

/* A line (a, b, c) of the kernel as the pairs (2a, 2b) and (2b, 2c); what lies behind it does not count. */
#define UNPACK(line, first, second) \
  "ldr r10, [r0, #" line "]\n" \
  "sxtb16 r2, r10\n" \
  "sxtb16 r3, r10, ror #8\n" \
  "sadd16 r2, r2, r2\n" \
  "sadd16 r3, r3, r3\n" \
  "pkhbt " first ", r2, r3, lsl #16\n" \
  "pkhbt " second ", r3, r2\n"

/* From here on r4 ... r9 have the weights, r12 points into the plane and lr into the result. The flags compare the
   count to 1. */
#define ENTER \
  ".syntax unified\n" \
  "push {r4-r11, lr}\n" \
  "str r3, " COUNT \
  "cmp r3, #1\n" \
  "mov r12, r1\n" \
  "mov lr, r2\n" \
  UNPACK("0", "r4", "r5") UNPACK("3", "r6", "r7") UNPACK("6", "r8", "r9")

#define BEGIN_LINE(tile, odd) \
  "strd r12, lr, " X_AND_Y \
  "ldr r10, " SPAN \
  "ldr r11, " PIXEL_STEP \
  "add r10, r10, r12\n" \
  "str r11, " NEXT \
  "str r10, " END \
  "cmp r10, r12\n" \
  "beq " odd "f\n" \
  tile ":\n"

/* The flags say whether r12 is at the end, r11 is NEXT. A single result behind the pairs is a pair with both results
   in one place: the left one is written last. */
#define END_LINE(tile, odd, end, step) \
  "bne " tile "b\n" \
  odd ":\n" \
  "ldr r10, " IS_ODD \
  "cmp r10, #0\n" \
  "it ne\n" \
  "cmpne r11, #0\n" \
  "beq " end "f\n" \
  "mov r11, #0\n" \
  "str r11, " NEXT \
  "ldr r10, " PITCH \
  "add r10, r12, r10" step "\n" \
  "str r10, " END \
  "b " tile "b\n" \
  end ":\n"

#define NEXT_LINE(lines, results) \
  "ldrd r12, lr, " X_AND_Y \
  "add r12, r12, #" lines "\n" \
  "ldr r10, " LINE_STEP \
  "add lr, lr, r10" results "\n" \
  "ldr r10, " COUNT

#define LEAVE "pop {r4-r11, pc}\n"

/* What the words x of a line add to a left and a right result: the first word of their four pixels, the second word.
   BEGIN is FIRST onto the bias in r3. */
#define BEGIN(x, w, left, right) "smlad " left ", " x ", " w ", r3\n smlatb " right ", " x ", " w ", r3\n"
#define FIRST(x, w, left, right) \
  "smlad " left ", " x ", " w ", " left "\n smlatb " right ", " x ", " w ", " right "\n"
#define SECOND(x, w, left, right) \
  "smlabt " left ", " x ", " w ", " left "\n smlad " right ", " x ", " w ", " right "\n"

/* From doubled sums to int8. r10 and r11 are multiplier and rounding, then shift and NEXT. (2 * sum * multiplier +
   2^31) >> 32 is SaturatingRoundingDoublingHighMul, and one instruction with the rounding (redsc_shift_right). */
#define AWAY(a) "smmulr " a ", " a ", r10\n add " a ", " a ", " a ", asr #31\n add " a ", " a ", r11\n"
#define STAY(a) "smmlar " a ", " a ", r10, r11\n"
#define SHIFT(a) "asr " a ", " a ", r10\n"
#define SATURATE(a) "ssat " a ", #8, " a "\n"
#define STORE(y, left, right) "strb " right ", [" y ", r11]\n strb " left ", [" y "]\n"

#define FINISH_PAIR(ROUND) \
  "ldrd r10, r11, " MULTIPLIER_AND_ROUNDING \
  ROUND("r0") ROUND("r1") \
  "ldrd r10, r11, " SHIFT_AND_NEXT \
  SHIFT("r0") SHIFT("r1") SATURATE("r0") SATURATE("r1") STORE("lr", "r0", "r1") \
  "add lr, lr, r11, lsl #1\n"

#define FINISH_TWO_PAIRS(ROUND) \
  "ldrd r10, r11, " MULTIPLIER_AND_ROUNDING \
  ROUND("r0") ROUND("r1") ROUND("r2") ROUND("r3") \
  "ldrd r10, r11, " SHIFT_AND_NEXT \
  SHIFT("r0") SHIFT("r1") SHIFT("r2") SHIFT("r3") \
  SATURATE("r0") SATURATE("r1") SATURATE("r2") SATURATE("r3") STORE("lr", "r0", "r1") \
  "ldr r10, " LINE_STEP \
  "add r10, r10, lr\n" \
  STORE("r10", "r2", "r3") \
  "add lr, lr, r11, lsl #1\n"

/* r0 and r1 are the results of the first line, r2 and r3 those of the second one. */
#define TILE_OF_TWO_LINES \
  "ldrd r10, r11, [r12]\n" \
  "ldr r3, " BIAS \
  BEGIN("r10", "r4", "r0", "r1") FIRST("r11", "r6", "r0", "r1") BEGIN("r11", "r4", "r2", "r3") \
  "ldrd r10, r11, [r12, #8]\n" \
  FIRST("r10", "r8", "r0", "r1") FIRST("r10", "r6", "r2", "r3") FIRST("r11", "r8", "r2", "r3") \
  "ldrd r10, r11, " PITCH_AND_END \
  "add r12, r12, r10\n" \
  "cmp r12, r11\n" \
  "ldrd r10, r11, [r12]\n" \
  SECOND("r10", "r5", "r0", "r1") SECOND("r11", "r7", "r0", "r1") SECOND("r11", "r5", "r2", "r3") \
  "ldrd r10, r11, [r12, #8]\n" \
  SECOND("r10", "r9", "r0", "r1") SECOND("r10", "r7", "r2", "r3") SECOND("r11", "r9", "r2", "r3")

#define TILE_OF_ONE_LINE \
  "ldr r3, " BIAS \
  "ldm r12, {r2, r10, r11}\n" \
  BEGIN("r2", "r4", "r0", "r1") FIRST("r10", "r6", "r0", "r1") FIRST("r11", "r8", "r0", "r1") \
  "ldrd r2, r3, " PITCH_AND_END \
  "add r12, r12, r2\n" \
  "cmp r12, r3\n" \
  "ldm r12, {r2, r10, r11}\n" \
  SECOND("r2", "r5", "r0", "r1") SECOND("r10", "r7", "r0", "r1") SECOND("r11", "r9", "r0", "r1")

/* Two lines at a time, and a single line at the end. */
#define STRIDE_1(ROUND) \
  ENTER \
  "beq 5f\n" \
  "1:\n" \
  BEGIN_LINE("2", "3") TILE_OF_TWO_LINES FINISH_TWO_PAIRS(ROUND) END_LINE("2", "3", "4", "") \
  NEXT_LINE("8", ", lsl #1") \
  "sub r10, r10, #2\n" \
  "str r10, " COUNT \
  "cmp r10, #1\n" \
  "bhi 1b\n" \
  "blo 9f\n" \
  "5:\n" \
  BEGIN_LINE("6", "7") TILE_OF_ONE_LINE FINISH_PAIR(ROUND) END_LINE("6", "7", "9", "") \
  LEAVE

/* The second word of the left result is the first one of the right result. */
#define STRIDE_2(ROUND) \
  ENTER \
  "1:\n" \
  BEGIN_LINE("2", "3") \
  "ldm r12, {r2, r10, r11}\n" \
  "ldr r1, " BIAS \
  "ldr r3, " PITCH \
  "smlad r0, r2, r4, r1\n" \
  "smlad r0, r10, r6, r0\n" \
  "smlad r0, r11, r8, r0\n" \
  "add r12, r12, r3\n" \
  "ldm r12, {r2, r10, r11}\n" \
  "smlad r1, r2, r4, r1\n" \
  "smlabt r0, r2, r5, r0\n" \
  "smlad r1, r10, r6, r1\n" \
  "smlabt r0, r10, r7, r0\n" \
  "smlad r1, r11, r8, r1\n" \
  "smlabt r0, r11, r9, r0\n" \
  "ldrd r2, r3, " PITCH_AND_END \
  "add r12, r12, r2\n" \
  "cmp r12, r3\n" \
  "ldm r12, {r2, r10, r11}\n" \
  "smlabt r1, r2, r5, r1\n" \
  "smlabt r1, r10, r7, r1\n" \
  "smlabt r1, r11, r9, r1\n" \
  FINISH_PAIR(ROUND) END_LINE("2", "3", "4", ", lsl #1") \
  NEXT_LINE("8", "") \
  "subs r10, r10, #1\n" \
  "str r10, " COUNT \
  "bne 1b\n" \
  LEAVE

#define TILES(name, body) \
  REDSC_ASSEMBLY void name(REDSC_UNUSED const int8_t *weight, REDSC_UNUSED const void *plane, \
                           REDSC_UNUSED int8_t *y, REDSC_UNUSED int32_t count, REDSC_UNUSED redsc_tile_job job) { \
    __asm__(body); \
  }

TILES(redsc_stride_1_dsp, STRIDE_1(AWAY))
TILES(redsc_stride_2_dsp, STRIDE_2(AWAY))
TILES(redsc_stride_1_relu_dsp, STRIDE_1(STAY))
TILES(redsc_stride_2_relu_dsp, STRIDE_2(STAY))

/* The fields of a widening. */
#define PIXEL_STEP_OF(job) "[" job "]\n"
#define LINE_STEP_OF(job) "[" job ", #4]\n"
#define PITCH_AND_PLANE_OF(job) "[" job ", #8]\n"
#define PAIRS_AND_HAS_FIRST_OF(job) "[" job ", #16]\n"
#define HAS_LAST_OF(job) "[" job ", #24]\n"
#define OUTSIDE_OF(job) "[" job ", #28]\n"
#define OFFSETS_OF(job) "[" job ", #32]\n"
#define X_AND_Y_OF(job) "[" job ", #36]\n"
typedef char redsc_widening_has_11_words[sizeof(redsc_widening) == 44 ? 1 : -1];

/* The four channels of the pixels in r8 and r9 as the four words at r1, and on to the next ones. */
#define WIDEN_PAIR \
  "pkhbt r10, r8, r9, lsl #16\n" \
  "pkhtb r11, r9, r8, asr #16\n" \
  "sxtab16 r8, r2, r10\n" \
  "sxtab16 r9, r2, r10, ror #8\n" \
  "sxtab16 r10, r2, r11\n" \
  "sxtab16 r11, r2, r11, ror #8\n" \
  "str r8, [r1]\n" \
  "str r9, [r1, r5]\n" \
  "str r10, [r1, r5, lsl #1]\n" \
  "str r11, [r1, r6]\n" \
  "add r1, r1, r4\n"

REDSC_ASSEMBLY void redsc_widen_dsp(REDSC_UNUSED const int8_t *x, REDSC_UNUSED void *planes,
                                    REDSC_UNUSED redsc_widening *job, REDSC_UNUSED int32_t count) {
  __asm__(
      ".syntax unified\n"
      "push {r2, r4-r11, lr}\n"
      "ldr lr, " PIXEL_STEP_OF("r2")
      "ldrd r4, r5, " PITCH_AND_PLANE_OF("r2")
      "add r6, r5, r5, lsl #1\n"
      "ldr r12, " OUTSIDE_OF("r2")
      "ldr r2, " OFFSETS_OF("r2")
      "1:\n"
      "ldr r11, [sp]\n"
      "strd r0, r1, " X_AND_Y_OF("r11")
      "ldrd r7, r8, " PAIRS_AND_HAS_FIRST_OF("r11")
      "cmp r8, #0\n"
      "beq 2f\n"
      "mov r8, r12\n"
      "ldr r9, [r0]\n"
      "add r0, r0, lr\n"
      WIDEN_PAIR
      "2:\n"
      "cmp r7, #0\n"
      "beq 4f\n"
      "3:\n"
      "ldr r8, [r0]\n"
      "ldr r9, [r0, lr]\n"
      "add r0, r0, lr, lsl #1\n"
      WIDEN_PAIR
      "subs r7, r7, #1\n"
      "bne 3b\n"
      "4:\n"
      "ldr r11, [sp]\n"
      "ldr r8, " HAS_LAST_OF("r11")
      "cmp r8, #0\n"
      "beq 5f\n"
      "ldr r8, [r0]\n"
      "mov r9, r12\n"
      WIDEN_PAIR
      "ldr r11, [sp]\n"
      "5:\n"
      "ldrd r0, r1, " X_AND_Y_OF("r11")
      "ldr r7, " LINE_STEP_OF("r11")
      "add r1, r1, #4\n"
      "add r0, r0, r7\n"
      "subs r3, r3, #1\n"
      "bne 1b\n"
      "pop {r2, r4-r11, pc}\n");
}

#else
typedef int redsc_depthwise_needs_no_tiles; /* C has no empty files */
#endif
