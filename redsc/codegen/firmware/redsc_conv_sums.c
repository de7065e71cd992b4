/*
 * redsc: convolutions whose weights are REDSC_SUMS. This file carries no licence obligation.
 */
#include "redsc_conv_assembly.h"

#if REDSC_DSP
TILE_0(redsc_tile_0_sums, SUMS_PAIR, "40", ONE_SUMS_START, ONE_SUMS_END)
TILE_1(redsc_tile_1_sums, SUMS_PAIR, "56", ONE_SUMS_START, ONE_SUMS_END)
TILE_4(redsc_tile_4_sums, FOUR_SUMS_UNIT, "96", FOUR_SUMS_START, FOUR_SUMS_END)

static const redsc_conv_tiles redsc_tiles_sums = {redsc_tile_0_sums, redsc_tile_1_sums, redsc_tile_4_sums};
#else
static const redsc_conv_tiles redsc_tiles_sums = {NULL, NULL, NULL};
#endif

void redsc_conv_sums_s8(const redsc_conv *conv, const int8_t *x, int8_t *y, void *scratch) {
  redsc_conv_by_tiles(conv, &redsc_tiles_sums, x, y, scratch);
}
