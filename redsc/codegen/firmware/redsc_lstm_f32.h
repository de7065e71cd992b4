/*
 * redsc: float LSTM layers over sequences. This file carries no licence obligation.
 *
 * Reads x of a step once per gate and unit before it writes y of that unit: y must lie apart.
 */
#ifndef REDSC_LSTM_F32_H
#define REDSC_LSTM_F32_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  const float *weight, *recurrent, *bias;
} redsc_lstm_gate_f32;

/* As in redsc_lstm.h; the gates are input, forget, cell and output. */
typedef struct {
  uint32_t sequences, steps, sequence_rows, step_rows, depth, units;
  redsc_lstm_gate_f32 gates[4];
  float clip;
} redsc_lstm_params_f32;

void redsc_lstm_f32(const redsc_lstm_params_f32 *params, const float *x, float *last, float *cell, float *y);

/* The same from zeros on; the scratch holds the states meanwhile: 8 B * sequences * units. */
void redsc_lstm_anew_f32(const redsc_lstm_params_f32 *params, const float *x, float *y, void *scratch);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_LSTM_F32_H */
