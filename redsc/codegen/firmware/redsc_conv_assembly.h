/*
 * redsc: tiles of the convolution kernel for Cortex-M with DSP instructions, as macros; not for other users.
 * This file carries no licence obligation.
 *
 * Naked functions: compilers spill eight sums, and inline assembly with as many operands does not survive every
 * optimisation flag. What has no register lies on the stack, so that no core needs an FPU and no task starts to use
 * one. The loops are unrolled over four units and entered in the middle; every instruction in them takes four bytes.
 *
 * Sums: with rows as 256 * odd + even (int16), SXTB16 of a word gives the even row, and SMLAD of the raw word sums
 * 256 * odd sum + even sum, from which the even sum is subtracted.
 *
 * Results: with b = 2 * multiplier - 2^32, SMMLAR(a, b, a) is gemmlowp's SaturatingRoundingDoublingHighMul(a,
 * multiplier) for a multiplier from 2^30 on. RoundingDivideByPOT(x, e) + zero point, with e >= 1, is
 * (((x + (x >> 31)) >> (e - 1)) + 2 * zero point + 1) >> 1. Without x >> 31 it differs for negative x only, and then
 * stays at or below the zero point: nobody sees it when that is -128. (fixedpoint/fixedpoint.h of gemmlowp.)
 */
#ifndef REDSC_CONV_ASSEMBLY_H
#define REDSC_CONV_ASSEMBLY_H

#include <stddef.h>

#include "redsc_assembly.h"
#include "redsc_conv_tiles.h"

#if REDSC_DSP

typedef char redsc_check_sizes[offsetof(redsc_tile, rows) == 72 && sizeof(redsc_channel_pair) == 20 ? 1 : -1];

/* In basic assembly the fields of a tile are numbers: these are where it lies on the stack. */
#define CHANNELS "[sp]"
#define CHANNELS_Y "[sp]"
#define Y_STEP "[sp, #4]"
#define STEPS "[sp, #12]"
#define PANEL "[sp, #20]"
#define PANEL_STRETCH_END "[sp, #20]"
#define STRETCH_END "[sp, #24]"
#define CENTRE "[sp, #28]"
#define CENTRE_CHANNELS_END "[sp, #28]"
#define CHANNELS_END "[sp, #32]"
#define ENTRY "[sp, #36]"
#define AFTER "[sp, #40]"
#define STRETCH "[sp, #44]"
#define STRETCH_SKIP "[sp, #44]"
#define PANEL_END "[sp, #52]"
#define PAIR_STEP "[sp, #56]"
#define OFFSETS "[sp, #64]"
#define LAST_GROUP "[sp, #68]"

/* r0 is the tile. LOAD puts its second half into r4 ... r11: there r5 is the entry, r6 what is after the loop, r11 the
   weights. COPY leaves the tile on the stack, and its first word, the channels, in r0. */
#define LOAD "push {r3-r11, lr}\n add r1, r0, #32\n ldm r1, {r4-r11}\n"
#define COPY "push {r4-r11}\n ldm r0, {r0-r7}\n push {r0-r7}\n"
#define LEAVE(bytes) "add sp, sp, #" bytes "\n pop {r3-r11, pc}\n"

/* From a number of units to an address in the loop. LDR into pc wants the lowest bit set: Thumb code. */
#define FIND_ENTRY(unit_bytes) "adr.w r1, 2f\n mov.w r2, #" unit_bytes "\n mla r5, r5, r2, r1\n orr r5, r5, #1\n"

#define HIGH_PRODUCT(x, doubled) "smmlar " #x ", " #x ", " #doubled ", " #x "\n"
#define ADD_SIGN(x) "add " #x ", " #x ", " #x ", asr #31\n"
#define SHIFT(x, by) "asr " #x ", " #x ", " #by "\n"
#define ADD_CENTRE(x, centre) "qadd " #x ", " #x ", " #centre "\n"
#define HALVE(x) "ssat " #x ", #8, " #x ", asr #1\n"

/*
 * Two rows, four pixels: r0 ... r3 the even row's sums, r4 ... r7 the odd row's, r8 weights, r9 panel, r10 channels.
 * The panel counts: r12 is where the unrolled loop ends.
 */
#define FOUR_PIXELS                                                          \
  "smlad r0, r11, r12, r0\n smlad r4, r10, r12, r4\n smlad r1, r11, lr, r1\n smlad r5, r10, lr, r5\n" \
  "ldrd r12, lr, [r9], #8\n"                                                 \
  "smlad r2, r11, r12, r2\n smlad r6, r10, r12, r6\n smlad r3, r11, lr, r3\n smlad r7, r10, lr, r7\n"
#define FOUR_LOAD "ldr r10, [r8], #4\n ldrd r12, lr, [r9], #8\n sxtb16 r11, r10\n"
#define FOUR_SUMS_WORD FOUR_LOAD FOUR_PIXELS
#define FOUR_BYTES_WORD FOUR_LOAD "sxtb16 r10, r10, ror #8\n" FOUR_PIXELS
#define FOUR_SUMS_UNIT FOUR_SUMS_WORD FOUR_SUMS_WORD
#define FOUR_BYTES_UNIT FOUR_BYTES_WORD FOUR_BYTES_WORD
#define FOUR_SUMS_START "ldr r0, [r10]\n mov r4, r0\n"
#define FOUR_BYTES_START "ldrd r0, r4, [r10]\n"
#define FOUR_SUMS_END                                                        \
  "ldr r11, [r10, #4]\n sub r4, r4, r0\n sub r5, r5, r1\n sub r6, r6, r2\n sub r7, r7, r3\n" \
  "add r4, r11, r4, asr #8\n add r5, r11, r5, asr #8\n add r6, r11, r6, asr #8\n add r7, r11, r7, asr #8\n"
#define FOUR_BYTES_END ""

#define FOUR_HIGH_PRODUCTS                                                   \
  HIGH_PRODUCT(r0, r11) HIGH_PRODUCT(r1, r11) HIGH_PRODUCT(r2, r11) HIGH_PRODUCT(r3, r11) \
  HIGH_PRODUCT(r4, r12) HIGH_PRODUCT(r5, r12) HIGH_PRODUCT(r6, r12) HIGH_PRODUCT(r7, r12)
#define FOUR_SIGNS                                                           \
  ADD_SIGN(r0) ADD_SIGN(r1) ADD_SIGN(r2) ADD_SIGN(r3) ADD_SIGN(r4) ADD_SIGN(r5) ADD_SIGN(r6) ADD_SIGN(r7)
#define FOUR_SHIFTS                                                          \
  SHIFT(r0, lr) SHIFT(r1, lr) SHIFT(r2, lr) SHIFT(r3, lr) SHIFT(r4, r12) SHIFT(r5, r12) SHIFT(r6, r12) SHIFT(r7, r12)
#define FOUR_CENTRES                                                         \
  ADD_CENTRE(r0, r9) ADD_CENTRE(r1, r9) ADD_CENTRE(r2, r9) ADD_CENTRE(r3, r9) \
  ADD_CENTRE(r4, r9) ADD_CENTRE(r5, r9) ADD_CENTRE(r6, r9) ADD_CENTRE(r7, r9)
#define FOUR_HALVES HALVE(r0) HALVE(r1) HALVE(r2) HALVE(r3) HALVE(r4) HALVE(r5) HALVE(r6) HALVE(r7)

#define TILE_4(name, UNIT, unit_bytes, START, END)                           \
  REDSC_ASSEMBLY __attribute__((aligned(4))) static void name(REDSC_UNUSED const redsc_tile *tile) { \
    __asm__ volatile(                                                        \
        LOAD FIND_ENTRY(unit_bytes)                                          \
        "adr.w r1, 4f\n adr.w r2, 3f\n cmp r6, #0\n ite eq\n moveq r6, r1\n movne r6, r2\n orr r6, r6, #1\n" \
        COPY "mov r8, r11\n mov r10, r0\n"                                   \
        "1: ldr r9, " PANEL "\n" START                                       \
        "mov r1, r0\n mov r2, r0\n mov r3, r0\n mov r5, r4\n mov r6, r4\n mov r7, r4\n" \
        "ldr pc, " ENTRY "\n"                                                \
        "2:\n" UNIT UNIT UNIT UNIT                                           \
        "ldr r12, " STRETCH_END "\n cmp r9, r12\n bne 2b\n ldr pc, " AFTER "\n" \
        /* the next stretch; after the last one the first one's end again */ \
        "3: ldr lr, " PANEL_END "\n cmp r9, lr\n beq 5f\n"                   \
        "ldrd r10, r11, " STRETCH_SKIP "\n add r12, r12, r10\n str r12, " STRETCH_END "\n" \
        "add r8, r8, r11\n ldr pc, " ENTRY "\n"                              \
        "5: ldr r9, " PANEL "\n ldr r10, " STRETCH "\n add r9, r9, r10\n str r9, " STRETCH_END "\n" \
        /* results, in r0 ... r3 as pairs of bytes */                        \
        "4: ldr r10, " CHANNELS "\n" END "add r10, r10, #8\n ldm r10!, {r11, r12, lr}\n" \
        FOUR_HIGH_PRODUCTS                                                   \
        "ldr r9, " CENTRE "\n cmn r9, #255\n beq 6f\n" FOUR_SIGNS            \
        "6: sub lr, lr, #0x01010101\n lsr r12, lr, #8\n"                     \
        FOUR_SHIFTS FOUR_CENTRES FOUR_HALVES                                 \
        "bfi r0, r4, #8, #8\n bfi r1, r5, #8, #8\n bfi r2, r6, #8, #8\n bfi r3, r7, #8, #8\n" \
        "ldr lr, " CHANNELS_END "\n cmp r10, lr\n ldrd r9, r11, " Y_STEP "\n ldrd r12, lr, " STEPS "\n bhi 7f\n" \
        "strh r3, [r9, lr]\n strh r2, [r9, r12]\n strh r1, [r9, r11]\n strh r0, [r9], #2\n" \
        "strd r10, r9, " CHANNELS_Y "\n ldr lr, " PAIR_STEP "\n add r8, r8, lr\n blo 1b\n" \
        LEAVE("64")                                                          \
        "7: strb r3, [r9, lr]\n strb r2, [r9, r12]\n strb r1, [r9, r11]\n strb r0, [r9]\n" LEAVE("64")); \
  }

/* Two rows, one pixel: r0 and r1 the sums, r2 weights, r3 panel or x, r9 channels. lr is where the loop ends. */
#define SUMS_PAIR(w, x) "sxtb16 r12, " #w "\n smlad r0, r12, " #x ", r0\n smlad r1, " #w ", " #x ", r1\n"
#define BYTES_PAIR(w, x)                                                     \
  "sxtb16 r12, " #w "\n sxtb16 " #w ", " #w ", ror #8\n smlad r0, r12, " #x ", r0\n smlad r1, " #w ", " #x ", r1\n"
#define ONE_SUMS_START "ldr r0, [r9]\n mov r1, r0\n"
#define ONE_BYTES_START "ldrd r0, r1, [r9]\n"
#define ONE_SUMS_END "sub r1, r1, r0\n add r1, r5, r1, asr #8\n"
#define ONE_BYTES_END ""

#define ONE_RESULTS(END)                                                     \
  "ldrd r9, r11, " CHANNELS_Y "\n ldm r9!, {r4-r8}\n" END                    \
  "ldrd r10, r12, " CENTRE_CHANNELS_END "\n" HIGH_PRODUCT(r0, r6) HIGH_PRODUCT(r1, r7) \
  "cmn r10, #255\n itt ne\n addne r0, r0, r0, asr #31\n addne r1, r1, r1, asr #31\n" \
  "sub r8, r8, #0x01010101\n" SHIFT(r0, r8) "lsr r8, r8, #8\n" SHIFT(r1, r8) \
  ADD_CENTRE(r0, r10) ADD_CENTRE(r1, r10) HALVE(r0) HALVE(r1)                \
  "cmp r9, r12\n strb r0, [r11], #1\n it ls\n strbls r1, [r11], #1\n strd r9, r11, " CHANNELS_Y "\n" \
  "ldr r12, " PAIR_STEP "\n add r2, r2, r12\n blo 1b\n"

/* A stretch is whole units and a last group or none: 2 is the loop, 3 the end of a stretch of several, 5 the last group
   of the only one, 6 that of one of several. */
#define ONE_FIND_AFTER                                                       \
  "cmp r6, #2\n bhs 8f\n cmp r6, #0\n adr.w r6, 4f\n it ne\n adrne.w r6, 5f\n b 9f\n" \
  "8: adr.w r6, 3f\n it hi\n adrhi.w r6, 6f\n"                               \
  "9: orr r6, r6, #1\n"
#define ONE_NEXT_STRETCH                                                     \
  "3: ldr r4, " PANEL_END "\n cmp r3, r4\n beq 4f\n"                         \
  "ldrd r4, r5, " STRETCH_SKIP "\n add lr, lr, r4\n add r2, r2, r5\n ldr pc, " ENTRY "\n"

/* With a panel a unit is two groups. */
#define ONE_UNIT(PAIR)                                                       \
  "ldmia.w r2!, {r4-r7}\n ldmia.w r3!, {r8-r11}\n" PAIR(r4, r8) PAIR(r5, r9) PAIR(r6, r10) PAIR(r7, r11)
#define ONE_GROUP(PAIR) "ldrd r4, r5, [r2], #8\n ldrd r8, r9, [r3], #8\n" PAIR(r4, r8) PAIR(r5, r9)

#define TILE_1(name, PAIR, unit_bytes, START, END)                           \
  REDSC_ASSEMBLY __attribute__((aligned(4))) static void name(REDSC_UNUSED const redsc_tile *tile) { \
    __asm__ volatile(                                                        \
        LOAD FIND_ENTRY(unit_bytes) ONE_FIND_AFTER COPY "mov r2, r11\n mov r9, r0\n" \
        "1: ldrd r3, lr, " PANEL_STRETCH_END "\n" START "ldr pc, " ENTRY "\n" \
        "2:\n" ONE_UNIT(PAIR) ONE_UNIT(PAIR) ONE_UNIT(PAIR) ONE_UNIT(PAIR)   \
        "cmp r3, lr\n bne 2b\n ldr pc, " AFTER "\n"                          \
        "6:\n" ONE_GROUP(PAIR) ONE_NEXT_STRETCH                              \
        "5:\n" ONE_GROUP(PAIR)                                               \
        "4:\n" ONE_RESULTS(END) LEAVE("64"));                                \
  }

/* Without a panel a unit is a group. A last one that is not whole is given apart: what lies behind x is not read. */
#define ZERO_GROUP(PAIR)                                                     \
  "ldrd r4, r5, [r2], #8\n sxtab16 r7, r10, r6\n sxtab16 r6, r10, r6, ror #8\n" PAIR(r4, r7) PAIR(r5, r6)
#define ZERO_UNIT(PAIR) "ldr r6, [r3], #4\n" ZERO_GROUP(PAIR)

#define TILE_0(name, PAIR, unit_bytes, START, END)                           \
  REDSC_ASSEMBLY __attribute__((aligned(4))) static void name(REDSC_UNUSED const redsc_tile *tile) { \
    __asm__ volatile(                                                        \
        LOAD FIND_ENTRY(unit_bytes) ONE_FIND_AFTER                           \
        "ldrd r1, r2, [r0, #64]\n push {r1, r2}\n" COPY "mov r2, r11\n mov r9, r0\n" \
        "1: ldrd r3, lr, " PANEL_STRETCH_END "\n ldr r10, " OFFSETS "\n" START "ldr pc, " ENTRY "\n" \
        "2:\n" ZERO_UNIT(PAIR) ZERO_UNIT(PAIR) ZERO_UNIT(PAIR) ZERO_UNIT(PAIR) \
        "cmp r3, lr\n bne 2b\n ldr pc, " AFTER "\n"                          \
        "6:\n" ONE_NEXT_STRETCH                                              \
        "5: ldr r6, " LAST_GROUP "\n" ZERO_GROUP(PAIR)                       \
        "4:\n" ONE_RESULTS(END) LEAVE("72"));                                \
  }

#endif

#endif /* REDSC_CONV_ASSEMBLY_H */
