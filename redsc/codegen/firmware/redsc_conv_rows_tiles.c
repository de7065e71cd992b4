/*
 * redsc: the inner loops over plain rows of weights. This file carries no licence obligation.
 *
 * Weights are read as words where a whole group of four is there, else as bytes: never behind a stretch.
 */
#include "redsc_assembly.h"
#include "redsc_conv_rows.h"

#if REDSC_DSP

typedef char redsc_check_tiles[sizeof(redsc_panel_tile) == 64 && sizeof(redsc_pixel_tile) == 40 ? 1 : -1];

/* From a number of units of a loop, r4, to an address in it. LDR into pc wants the lowest bit set: Thumb code. */
#define FIND_ENTRY(unit_bytes) "adr.w r8, 2f\n mov.w r9, #" unit_bytes "\n mla r4, r4, r9, r8\n orr r4, r4, #1\n"

/* In basic assembly the fields of a tile are numbers: these are where it lies on the stack. */
#define AFTER "[sp]"
#define SUMS "[sp, #4]"
#define Y "[sp, #8]"
#define Y_STEP "[sp, #8]"
#define STEPS "[sp, #16]"
#define ENTRY "[sp, #24]"
#define BYTES "[sp, #28]"
#define REST "[sp, #32]"
#define SKIP "[sp, #36]"
#define COUNT_PANEL "[sp, #40]"
#define PARAMETERS "[sp, #48]"
#define PARAMETERS_END "[sp, #52]"
#define PARAMETER_BYTES_ROW_STEP "[sp, #56]"
#define CENTRE "[sp, #64]"

/* The weights of a group, r4, with a panel of four pixels: r0 ... r3 sums, r8 weights, r9 panel, r12 where the loop
   ends, lr stretches to go. Every instruction of a unit takes four bytes. */
#define FOUR_PIXELS(pair)                                                    \
  "ldm.w r9!, {r6, r7, r10, r11}\n smlad r0, " pair ", r6, r0\n smlad r1, " pair ", r7, r1\n" \
  "smlad r2, " pair ", r10, r2\n smlad r3, " pair ", r11, r3\n"
#define FOUR_GROUP "sxtb16 r5, r4\n sxtb16 r4, r4, ror #8\n" FOUR_PIXELS("r5") FOUR_PIXELS("r4")
#define FOUR_UNIT "ldr r4, [r8], #4\n" FOUR_GROUP

/* As in redsc_conv_assembly.h, which says why this is exact. */
#define RESULT(x)                                                            \
  "smmlar " x ", " x ", r6, " x "\n add " x ", " x ", " x ", asr #31\n asr " x ", " x ", r7\n" \
  "qadd " x ", " x ", r10\n ssat " x ", #8, " x ", asr #1\n"

REDSC_ASSEMBLY __attribute__((aligned(4))) const uint32_t *redsc_add_panel(
    const redsc_panel_tile *tile REDSC_UNUSED, uint32_t *sums REDSC_UNUSED) {
  __asm__ volatile(
      "push {r3-r11, lr}\n add r2, r0, #32\n ldm r2, {r4-r11}\n push {r4-r11}\n"
      "mov lr, r1\n ldm r0, {r0-r7}\n" FIND_ENTRY("52") "push {r0-r7}\n mov r8, r11\n"
      "cmp lr, #0\n ite eq\n adreq.w r9, 6f\n adrne.w r9, 7f\n orr r9, r9, #1\n push {r9, lr}\n"
      "beq 1f\n ldm lr, {r0-r3}\n b 8f\n"
      "1: ldr r4, " PARAMETERS "\n ldr r0, [r4]\n mov r1, r0\n mov r2, r0\n mov r3, r0\n"
      "8: ldrd lr, r9, " COUNT_PANEL "\n"
      "9: ldr r12, " BYTES "\n add r12, r12, r9\n ldr pc, " ENTRY "\n"
      "2:\n" FOUR_UNIT FOUR_UNIT FOUR_UNIT FOUR_UNIT "cmp r9, r12\n bne 2b\n"
      "ldr r5, " REST "\n cbnz r5, 4f\n"
      "3: ldr r4, " SKIP "\n add r8, r8, r4\n subs lr, lr, #1\n bne 9b\n ldr pc, " AFTER "\n"
      /* the last elements of a stretch; the panel has zeros behind them */
      "4: cmp r5, #2\n ldrb r4, [r8], #1\n blo 5f\n ldrb r6, [r8], #1\n orr r4, r4, r6, lsl #8\n"
      "beq 5f\n ldrb r6, [r8], #1\n orr r4, r4, r6, lsl #16\n"
      "5:\n" FOUR_GROUP "b 3b\n"
      /* results */
      "6: ldr r4, " PARAMETERS "\n ldrd r5, r11, " PARAMETER_BYTES_ROW_STEP "\n ldr r6, [r4, r5]\n"
      "ldr r7, [r4, r5, lsl #1]\n lsl r6, r6, #1\n mvn r7, r7\n ldr r10, " CENTRE "\n add r8, r8, r11\n"
      RESULT("r0") RESULT("r1") RESULT("r2") RESULT("r3")
      "ldrd r9, r11, " Y_STEP "\n ldrd r12, lr, " STEPS "\n"
      "strb r3, [r9, lr]\n strb r2, [r9, r12]\n strb r1, [r9, r11]\n strb r0, [r9], #1\n str r9, " Y "\n"
      "ldr r5, " PARAMETERS_END "\n adds r4, r4, #4\n str r4, " PARAMETERS "\n cmp r4, r5\n bne 1b\n"
      "add sp, sp, #76\n pop {r4-r11, pc}\n"
      "7: ldr r12, " SUMS "\n stm r12, {r0-r3}\n mov r0, r9\n add sp, sp, #76\n pop {r4-r11, pc}\n");
}

/* Four rows, one pixel: r0 ... r3 sums, r8 weights, r9 x, r10, r11 and lr from the first row to the others, r12 minus
   the zero point. A group of x is r5 and r4. */
#define ONE_ROW(load, sum)                                                   \
  "ldr r6, " load "\n sxtb16 r7, r6\n sxtb16 r6, r6, ror #8\n"               \
  "smlad " sum ", r7, r5, " sum "\n smlad " sum ", r6, r4, " sum "\n"
#define ONE_UNIT                                                             \
  "ldr r4, [r9], #4\n sxtab16 r5, r12, r4\n sxtab16 r4, r12, r4, ror #8\n"   \
  ONE_ROW("[r8, r10]", "r1") ONE_ROW("[r8, r11]", "r2") ONE_ROW("[r8, lr]", "r3") ONE_ROW("[r8], #4", "r0")
REDSC_ASSEMBLY __attribute__((aligned(4))) void redsc_add_pixel(
    const redsc_pixel_tile *tile REDSC_UNUSED, const int8_t *weight REDSC_UNUSED, const int8_t *x REDSC_UNUSED,
    uint32_t *sums REDSC_UNUSED) {
  __asm__ volatile(
      "push {r3-r11, lr}\n ldm r0!, {r4-r7}\n" FIND_ENTRY("92") "mov r8, r1\n mov r9, r2\n"
      "ldm r0, {r1, r2, r10, r11, r12, lr}\n push {r0-r2, r4-r7}\n"
      /* at sp: where the loop ends, stretches to go, the skip of x, the entry, bytes, the rest, the skip of weights */
      "mov r6, r10\n mov r10, r11\n mov r11, r12\n mov r12, r6\n ldm r3, {r0-r3}\n"
      "1: ldr r4, [sp, #16]\n add r4, r4, r9\n str r4, [sp]\n ldr pc, [sp, #12]\n"
      "2:\n" ONE_UNIT ONE_UNIT ONE_UNIT ONE_UNIT "ldr r4, [sp]\n cmp r9, r4\n bne 2b\n"
      "ldrd r5, r6, [sp, #20]\n cbz r5, 4f\n"
      "3: ldrsb r4, [r9], #1\n sxtah r4, r4, r12\n ldrsb r7, [r8, r10]\n mla r1, r7, r4, r1\n"
      "ldrsb r7, [r8, r11]\n mla r2, r7, r4, r2\n ldrsb r7, [r8, lr]\n mla r3, r7, r4, r3\n"
      "ldrsb r7, [r8], #1\n mla r0, r7, r4, r0\n subs r5, r5, #1\n bne 3b\n"
      "4: ldrd r4, r5, [sp, #4]\n add r8, r8, r6\n add r9, r9, r5\n subs r4, r4, #1\n str r4, [sp, #4]\n bne 1b\n"
      "ldr r12, [sp, #28]\n stm r12, {r0-r3}\n add sp, sp, #32\n pop {r4-r11, pc}\n");
}

#else

/* Adds the products of four weights and a pixel of a panel. */
static inline uint32_t redsc_add_group(uint32_t sum, const int32_t weight[4], const uint32_t *panel) {
  sum += (uint32_t)(weight[0] * redsc_first(panel[0]));
  sum += (uint32_t)(weight[2] * redsc_second(panel[0]));
  sum += (uint32_t)(weight[1] * redsc_first(panel[4]));
  return sum + (uint32_t)(weight[3] * redsc_second(panel[4]));
}

/* Two pixels: more sums do not fit into the registers of most cores. */
static const uint32_t *redsc_add_two(const redsc_stretches *stretches, const int8_t *weight, const uint32_t *panel,
                                     uint32_t *sums) {
  const uint32_t whole = stretches->bytes / 32, rest = stretches->rest;
  uint32_t first = sums[0], second = sums[1], left, i;
  for (left = stretches->count; left > 0; --left) {
    for (i = whole; i > 0; --i) {
      const int32_t four[4] = {weight[0], weight[1], weight[2], weight[3]};
      first = redsc_add_group(first, four, panel);
      second = redsc_add_group(second, four, panel + 1);
      weight += 4;
      panel += 8;
    }
    if (rest != 0) {
      const int32_t four[4] = {weight[0], rest > 1 ? weight[1] : 0, rest > 2 ? weight[2] : 0, 0};
      first = redsc_add_group(first, four, panel);
      second = redsc_add_group(second, four, panel + 1);
      panel += 8;
    }
    weight += left > 1 ? rest + stretches->skip_bytes : 0;
  }
  sums[0] = first;
  sums[1] = second;
  return panel;
}

const uint32_t *redsc_add_panel(const redsc_panel_tile *tile, uint32_t *sums) {
  redsc_add_two(&tile->stretches, tile->weight, tile->panel + 2, sums + 2);
  return redsc_add_two(&tile->stretches, tile->weight, tile->panel, sums);
}

void redsc_add_pixel(const redsc_pixel_tile *tile, const int8_t *weight, const int8_t *x, uint32_t *sums) {
  const uint32_t length = tile->stretches.bytes + tile->stretches.rest;
  const int32_t offset = redsc_first(tile->offsets);
  const int8_t *second = weight + tile->row[0], *third = weight + tile->row[1], *fourth = weight + tile->row[2];
  uint32_t own[4] = {sums[0], sums[1], sums[2], sums[3]}, left, k, at = 0;
  for (left = tile->stretches.count; left > 0; --left) {
    for (k = 0; k < length; ++k, ++at) {
      const int32_t value = x[k] + offset;
      own[0] += (uint32_t)(weight[at] * value);
      own[1] += (uint32_t)(second[at] * value);
      own[2] += (uint32_t)(third[at] * value);
      own[3] += (uint32_t)(fourth[at] * value);
    }
    x += left > 1 ? length + tile->skip_x : 0;
    at += tile->stretches.skip_bytes;
  }
  memcpy(sums, own, sizeof(own));
}

#endif
