/*
 * redsc: convolutions whose weights are REDSC_BYTES. This file carries no licence obligation.
 */
#include "redsc_conv_assembly.h"

#if REDSC_DSP
TILE_0(redsc_tile_0_bytes, BYTES_PAIR, "48", ONE_BYTES_START, ONE_BYTES_END)
TILE_1(redsc_tile_1_bytes, BYTES_PAIR, "72", ONE_BYTES_START, ONE_BYTES_END)
TILE_4(redsc_tile_4_bytes, FOUR_BYTES_UNIT, "104", FOUR_BYTES_START, FOUR_BYTES_END)

static const redsc_conv_tiles redsc_tiles_bytes = {redsc_tile_0_bytes, redsc_tile_1_bytes, redsc_tile_4_bytes};
#else
static const redsc_conv_tiles redsc_tiles_bytes = {NULL, NULL, NULL};
#endif

void redsc_conv_bytes_s8(const redsc_conv *conv, const int8_t *x, int8_t *y, void *scratch) {
  redsc_conv_by_tiles(conv, &redsc_tiles_bytes, x, y, scratch);
}
