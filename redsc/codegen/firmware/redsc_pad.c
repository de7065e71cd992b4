/*
 * redsc: padding. This file carries no licence obligation.
 */
#include "redsc_pad.h"

#include <string.h>

static uint8_t *redsc_fill(const uint8_t *fill, uint8_t *to, uint32_t bytes) {
  uint32_t at;
  if (fill[0] == fill[1] && fill[0] == fill[2] && fill[0] == fill[3]) {
    memset(to, fill[0], bytes);
  } else {
    for (at = 0; at < bytes; ++at) {
      to[at] = fill[at & 3];
    }
  }
  return to + bytes;
}

void redsc_pad(const redsc_pad_params *params, const void *x, void *y) {
  const uint8_t *from = (const uint8_t *)x;
  uint8_t *to = redsc_fill(params->fill, (uint8_t *)y, params->first_bytes);
  int32_t places[REDSC_MOST_TURNS] = {0};
  for (;;) {
    uint32_t axis;
    memmove(to, from, params->bytes);
    from += params->bytes;
    to += params->bytes;
    axis = redsc_next_turn(params->turns, params->turn_count, places);
    if (axis == params->turn_count) {
      break;
    }
    to = redsc_fill(params->fill, to, (uint32_t)params->turns[axis].y);
  }
  redsc_fill(params->fill, to, params->last_bytes);
}
