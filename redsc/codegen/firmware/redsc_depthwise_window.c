/*
 * redsc: the inner loops of the direct depthwise convolution in assembly. This file carries no licence obligation.
 */
#include "redsc_depthwise_window.h"

#if REDSC_DSP

#include "redsc_assembly.h"

typedef char redsc_depthwise_window_has_8_words[sizeof(redsc_depthwise_window) == 32 ? 1 : -1];
typedef char redsc_channel_pair_has_5_words[sizeof(redsc_channel_pair) == 20 ? 1 : -1];

/* On the stack: the rows to go, the arguments r0 ... r3, nine registers, and the other two arguments. */
#define ROWS "[sp]\n"
#define X_AND_WEIGHT "[sp, #4]\n"
#define WINDOW "[sp, #12]\n"
#define Y "[sp, #16]\n"
#define PAIRS "[sp, #56]\n"
#define FOURS "[sp, #60]\n"

/* r4 ... r7 have the sums, r8 and r9 the steps to the next tap, r10 the negative zero point as int16, twice. */
#define ENTER \
  ".syntax unified\n" \
  "push {r0-r11, lr}\n" \
  "sub sp, sp, #4\n" \
  "ldr r10, [r2, #24]\n" \
  "ldrd r8, r9, [r2, #8]\n" \
  "rsb r10, r10, #0\n" \
  "pkhbt r10, r10, r10, lsl #16\n"

/* Label 1: four results, label 2: a tap. */
#define BEGIN \
  "1:\n" \
  "ldr r3, " PAIRS \
  "ldr r2, " WINDOW \
  "ldrd r0, r1, " X_AND_WEIGHT \
  "ldrd r4, r5, [r3]\n" \
  "ldrd r6, r7, [r3, #20]\n" \
  "ldrd r3, r11, [r2]\n" \
  "str r3, " ROWS \
  "2:\n"

#define NEXT_TAP \
  "subs r11, r11, #1\n" \
  "bne 2b\n" \
  "ldr r2, " WINDOW \
  "ldr r3, " ROWS \
  "ldr r11, [r2, #4]\n" \
  "subs r3, r3, #1\n" \
  "str r3, " ROWS \
  "ldrd r3, r12, [r2, #16]\n" \
  "add r0, r0, r3\n" \
  "add r1, r1, r12\n" \
  "bne 2b\n"

/* redsc_shift_right of redsc_high; r2 has the rounding of a shift of 1, r12 points to the pair, r3 into y. */
#define FINISH(sum, doubled, shift, at) \
  "ldr r0, [r12, #" doubled "]\n" \
  "ldrsb r1, [r12, #" shift "]\n" \
  "smmlar " sum ", " sum ", r0, " sum "\n" \
  "sub r11, r1, #1\n" \
  "lsl r11, r2, r11\n" \
  "add r11, r11, " sum "\n" \
  "add " sum ", r11, " sum ", asr #31\n" \
  "asr " sum ", " sum ", r1\n" \
  "ssat " sum ", #8, " sum "\n" \
  "strb " sum ", [r3, #" at "]\n"

#define LEAVE(x_step) \
  "ldr r2, [r2, #28]\n" \
  "ldr r12, " PAIRS \
  "ldr r3, " Y \
  FINISH("r4", "8", "16", "0") FINISH("r5", "12", "17", "1") \
  FINISH("r6", "28", "36", "2") FINISH("r7", "32", "37", "3") \
  "add r12, r12, #40\n" \
  "add r3, r3, #4\n" \
  "str r12, " PAIRS \
  "str r3, " Y \
  "ldrd r0, r1, " X_AND_WEIGHT \
  "ldr r2, " FOURS \
  "add r0, r0, #" x_step "\n" \
  "add r1, r1, #4\n" \
  "subs r2, r2, #1\n" \
  "str r2, " FOURS \
  "strd r0, r1, " X_AND_WEIGHT \
  "bne 1b\n" \
  "add sp, sp, #20\n" \
  "pop {r4-r11, pc}\n"

#define FOURS_OF(name, tap, x_step) \
  REDSC_ASSEMBLY void name(REDSC_UNUSED const int8_t *x, REDSC_UNUSED const int8_t *weight, \
                           REDSC_UNUSED const redsc_depthwise_window *window, REDSC_UNUSED int8_t *y, \
                           REDSC_UNUSED const redsc_channel_pair *pairs, REDSC_UNUSED int32_t fours) { \
    __asm__(ENTER BEGIN tap NEXT_TAP LEAVE(x_step)); \
  }

#define FOUR_INPUTS \
  "ldr r2, [r0]\n" \
  "ldr r3, [r1]\n" \
  "add r0, r0, r8\n" \
  "add r1, r1, r9\n" \
  "sxtab16 r12, r10, r2\n" \
  "sxtb16 lr, r3\n" \
  "sxtab16 r2, r10, r2, ror #8\n" \
  "sxtb16 r3, r3, ror #8\n" \
  "smlabb r4, r12, lr, r4\n" \
  "smlabb r5, r2, r3, r5\n" \
  "smlatt r6, r12, lr, r6\n" \
  "smlatt r7, r2, r3, r7\n"

#define ONE_INPUT \
  "ldrsb r2, [r0]\n" \
  "ldr r3, [r1]\n" \
  "add r0, r0, r8\n" \
  "add r1, r1, r9\n" \
  "add r2, r2, r10\n" \
  "sxtb16 lr, r3\n" \
  "sxtb16 r3, r3, ror #8\n" \
  "smlabb r4, r2, lr, r4\n" \
  "smlabb r5, r2, r3, r5\n" \
  "smlabt r6, r2, lr, r6\n" \
  "smlabt r7, r2, r3, r7\n"

FOURS_OF(redsc_fours_of_fours_dsp, FOUR_INPUTS, "4")
FOURS_OF(redsc_fours_of_one_dsp, ONE_INPUT, "0")

#else
typedef int redsc_depthwise_needs_no_windows; /* C has no empty files */
#endif
