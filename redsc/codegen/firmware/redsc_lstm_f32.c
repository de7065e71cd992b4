/*
 * redsc: float LSTM layers over sequences. This file carries no licence obligation.
 *
 * Computes what tensorflow/lite/micro/kernels/lstm_eval.h computes with floats.
 */
#include "redsc_lstm_f32.h"

#include <math.h>
#include <string.h>

enum { REDSC_INPUT, REDSC_FORGET, REDSC_CELL, REDSC_OUTPUT };

static float redsc_lstm_dot(const float *a, const float *b, uint32_t count) {
  float sum = 0.0f;
  uint32_t i;
  for (i = 0; i < count; ++i) {
    sum += a[i] * b[i];
  }
  return sum;
}

static float redsc_lstm_hear(const redsc_lstm_params_f32 *params, int kind, uint32_t unit, const float *x,
                             const float *last) {
  const redsc_lstm_gate_f32 *gate = &params->gates[kind];
  return redsc_lstm_dot(gate->weight + unit * params->depth, x, params->depth) + gate->bias[unit] +
         redsc_lstm_dot(gate->recurrent + unit * params->units, last, params->units);
}

static float redsc_lstm_sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

static float redsc_lstm_cell(const redsc_lstm_params_f32 *params, uint32_t unit, const float *x, const float *last,
                             float cell) {
  const float forget = redsc_lstm_sigmoid(redsc_lstm_hear(params, REDSC_FORGET, unit, x, last));
  const float input = redsc_lstm_sigmoid(redsc_lstm_hear(params, REDSC_INPUT, unit, x, last));
  const float sum = forget * cell + input * tanhf(redsc_lstm_hear(params, REDSC_CELL, unit, x, last));
  if (params->clip <= 0.0f) {
    return sum;
  }
  return sum > params->clip ? params->clip : sum < -params->clip ? -params->clip : sum;
}

void redsc_lstm_f32(const redsc_lstm_params_f32 *params, const float *x, float *last, float *cell, float *y) {
  uint32_t sequence, step, unit;
  for (sequence = 0; sequence < params->sequences; ++sequence) {
    for (step = 0; step < params->steps; ++step) {
      const uint32_t row = sequence * params->sequence_rows + step * params->step_rows;
      const float *from = x + row * params->depth;
      float *to = y + row * params->units;
      for (unit = 0; unit < params->units; ++unit) {
        cell[unit] = redsc_lstm_cell(params, unit, from, last, cell[unit]);
        to[unit] = tanhf(cell[unit]) * redsc_lstm_sigmoid(redsc_lstm_hear(params, REDSC_OUTPUT, unit, from, last));
      }
      memcpy(last, to, params->units * sizeof(*to));
    }
    last += params->units;
    cell += params->units;
  }
}

void redsc_lstm_anew_f32(const redsc_lstm_params_f32 *params, const float *x, float *y, void *scratch) {
  const uint32_t count = params->sequences * params->units;
  float *last = (float *)scratch;
  memset(last, 0, 2 * count * sizeof(*last));
  redsc_lstm_f32(params, x, last, last + count, y);
}
