/*
 * redsc: int8 LSTM layers over sequences. This file carries no licence obligation.
 *
 * Reads x of a step once per gate and unit before it writes y of that unit: y must lie apart.
 */
#ifndef REDSC_LSTM_H
#define REDSC_LSTM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { REDSC_LSTM_INPUT, REDSC_LSTM_FORGET, REDSC_LSTM_CELL, REDSC_LSTM_OUTPUT, REDSC_LSTM_GATES };

/* Rows of weights for x and for the last output, per unit; sums become steps of 2^-12: sum * multiplier *
   2^(shift - 31). */
typedef struct {
  const int8_t *weight, *recurrent;
  const int32_t *bias;
  int32_t multiplier, recurrent_multiplier;
  int8_t shift, recurrent_shift;
} redsc_lstm_gate_s8;

/*
 * Sequence s, step t is row s * sequence_rows + t * step_rows of x and y. What a gate lets through becomes steps of
 * the cell with the forget and input multipliers, the output with the last; `clip` is the most that a cell holds, 0
 * for any. Three times a cell's number, times 2^tanh_shift, has 16 bits for the tanh of 1. sigmoid[i] is that of
 * i / 24 in 16 bits.
 */
typedef struct {
  uint32_t sequences, steps, sequence_rows, step_rows, depth, units;
  redsc_lstm_gate_s8 gates[REDSC_LSTM_GATES];
  const uint16_t *sigmoid;
  int32_t forget_multiplier, input_multiplier, y_multiplier;
  int16_t x_zero_point, y_zero_point, clip;
  int8_t forget_shift, input_shift, y_shift, tanh_shift;
} redsc_lstm_params_s8;

/* `last` is the last output and `cell` the cell of every sequence: both change. */
void redsc_lstm_s8(const redsc_lstm_params_s8 *params, const int8_t *x, int8_t *last, int16_t *cell, int8_t *y);

/* The same from zeros on; the scratch holds the states meanwhile: 3 B * sequences * units, aligned to 2. */
void redsc_lstm_anew_s8(const redsc_lstm_params_s8 *params, const int8_t *x, int8_t *y, void *scratch);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_LSTM_H */
