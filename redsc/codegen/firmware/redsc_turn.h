/*
 * redsc: steps through boxes of up to seven axes. This file carries no licence obligation.
 */
#ifndef REDSC_TURN_H
#define REDSC_TURN_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { REDSC_MOST_TURNS = 6 };

/* An axis of a box, whose lines are visited in order: its steps, and the bytes from one line to the next, in x and
   in y, where this axis moves on and all axes inside it begin anew. */
typedef struct {
  int32_t steps, x, y;
} redsc_turn;

/* Moves on to the next line. Axis 0 is the innermost; returns the one that moves, `count` behind the last line. */
static inline uint32_t redsc_next_turn(const redsc_turn *turns, uint32_t count, int32_t *places) {
  uint32_t axis = 0;
  while (axis < count && ++places[axis] == turns[axis].steps) {
    places[axis] = 0;
    ++axis;
  }
  return axis;
}

#ifdef __cplusplus
}
#endif

#endif /* REDSC_TURN_H */
