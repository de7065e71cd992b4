/*
 * redsc: padding. This file carries no licence obligation.
 */
#ifndef REDSC_PAD_H
#define REDSC_PAD_H

#include <stdint.h>

#include "redsc_turn.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Pieces of `bytes` bytes, which lie in a row in x and apart in y: `first_bytes` of padding before the first piece,
 * `last_bytes` behind the last one, and between two pieces the `y` of the turn.
 * fill: the padding value, repeated to four bytes.
 */
typedef struct {
  uint8_t fill[4];
  uint32_t bytes, first_bytes, last_bytes, turn_count;
  const redsc_turn *turns;
} redsc_pad_params;

/* In the order of y, which may lie over x: a piece is moved as by memmove, padding is written before what follows
   it is read. */
void redsc_pad(const redsc_pad_params *params, const void *x, void *y);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_PAD_H */
