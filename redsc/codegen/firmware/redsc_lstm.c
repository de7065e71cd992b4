/*
 * redsc: int8 LSTM layers over sequences. This file carries no licence obligation.
 *
 * Computes what tensorflow/lite/micro/kernels/lstm_eval.h computes with int8 activations and an int16 cell; sigmoid and
 * tanh as in tensorflow/lite/kernels/internal/reference/integer_ops/logistic.h and tanh.h.
 */
#include "redsc_lstm.h"

#include "redsc_rescale.h"

enum { REDSC_LAST_INTERVAL = 255, REDSC_SIGMOID_BITS = 9, REDSC_TANH_BITS = 8 };

static int32_t redsc_saturate_s16(int32_t value) { return redsc_clamp(value, -32768, 32767); }

/* The sigmoid of a magnitude in intervals of 2^bits, straight in between, with as many bits more than 16. */
static int32_t redsc_sigmoid(const uint16_t *table, uint32_t magnitude, uint32_t bits, int32_t most) {
  const uint32_t interval = magnitude >> bits, rest = magnitude & ((1u << bits) - 1u);
  if (interval >= REDSC_LAST_INTERVAL) {
    return most;
  }
  return (int32_t)(((uint32_t)table[interval] << bits) + rest * (uint32_t)(table[interval + 1] - table[interval]));
}

/* The sigmoid of x / 2^12 in steps of 2^-15. */
static int32_t redsc_gate_sigmoid(const uint16_t *table, int32_t x) {
  const int32_t scaled = 3 * x;
  const uint32_t magnitude = (uint32_t)(scaled < 0 ? -scaled : scaled);
  const int32_t found = redsc_sigmoid(table, magnitude, REDSC_SIGMOID_BITS, 0x7FFF << 10);
  return (scaled < 0 ? (1 << 25) - found + (1 << 9) - 1 : found + (1 << 9)) >> 10;
}

/* The tanh of x * 2^shift / 2^12 in steps of 2^-15. */
static int32_t redsc_gate_tanh(const uint16_t *table, int32_t x, int32_t shift) {
  const int32_t right = shift < 0 ? -shift : 0;
  const int32_t scaled = (x * (3 << (shift > 0 ? shift : 0)) + (right > 0 ? 1 << (right - 1) : 0)) >> right;
  const uint32_t magnitude = (uint32_t)(scaled < 0 ? -scaled : scaled);
  const int32_t found = redsc_sigmoid(table, magnitude, REDSC_TANH_BITS, 0xFFFF << 8);
  return (scaled < 0 ? (1 << 23) - found + (1 << 7) - 1 : found - (1 << 23) + (1 << 7)) >> 8;
}

static uint32_t redsc_lstm_sum(const int8_t *weight, const int8_t *x, uint32_t count, int32_t zero_point) {
  uint32_t sum = 0, i;
  for (i = 0; i < count; ++i) {
    sum += (uint32_t)(weight[i] * (x[i] - zero_point));
  }
  return sum;
}

/* What a gate hears for a unit, in steps of 2^-12. */
static int32_t redsc_lstm_hear(const redsc_lstm_params_s8 *params, int kind, uint32_t unit, const int8_t *x,
                               const int8_t *last) {
  const redsc_lstm_gate_s8 *gate = &params->gates[kind];
  const uint32_t new_sum =
      (uint32_t)gate->bias[unit] +
      redsc_lstm_sum(gate->weight + unit * params->depth, x, params->depth, params->x_zero_point);
  const uint32_t old_sum =
      redsc_lstm_sum(gate->recurrent + unit * params->units, last, params->units, params->y_zero_point);
  const int32_t heard = redsc_saturate_s16(redsc_multiply(new_sum, gate->multiplier, gate->shift));
  const int32_t again = redsc_saturate_s16(redsc_multiply(old_sum, gate->recurrent_multiplier, gate->recurrent_shift));
  return redsc_saturate_s16(heard + again);
}

/* The cell of a unit after a step. */
static int32_t redsc_lstm_cell(const redsc_lstm_params_s8 *params, uint32_t unit, const int8_t *x, const int8_t *last,
                               int32_t cell) {
  const int32_t forget = redsc_gate_sigmoid(params->sigmoid, redsc_lstm_hear(params, REDSC_LSTM_FORGET, unit, x, last));
  const int32_t input = redsc_gate_sigmoid(params->sigmoid, redsc_lstm_hear(params, REDSC_LSTM_INPUT, unit, x, last));
  const int32_t news = redsc_gate_tanh(params->sigmoid, redsc_lstm_hear(params, REDSC_LSTM_CELL, unit, x, last), 0);
  const int32_t kept = redsc_multiply((uint32_t)(forget * cell), params->forget_multiplier, params->forget_shift);
  const int32_t added = redsc_multiply((uint32_t)(input * news), params->input_multiplier, params->input_shift);
  const int32_t sum = redsc_saturate_s16(redsc_saturate_s16(kept) + redsc_saturate_s16(added));
  return params->clip > 0 ? redsc_clamp(sum, -params->clip, params->clip) : sum;
}

void redsc_lstm_s8(const redsc_lstm_params_s8 *params, const int8_t *x, int8_t *last, int16_t *cell, int8_t *y) {
  uint32_t sequence, step, unit;
  for (sequence = 0; sequence < params->sequences; ++sequence) {
    for (step = 0; step < params->steps; ++step) {
      const uint32_t row = sequence * params->sequence_rows + step * params->step_rows;
      const int8_t *from = x + row * params->depth;
      int8_t *to = y + row * params->units;
      for (unit = 0; unit < params->units; ++unit) {
        const int32_t open = redsc_lstm_hear(params, REDSC_LSTM_OUTPUT, unit, from, last);
        int32_t shown;
        cell[unit] = (int16_t)redsc_lstm_cell(params, unit, from, last, cell[unit]);
        shown = redsc_gate_tanh(params->sigmoid, cell[unit], params->tanh_shift);
        shown *= redsc_gate_sigmoid(params->sigmoid, open);
        to[unit] = (int8_t)redsc_saturate_s8(redsc_multiply((uint32_t)shown, params->y_multiplier, params->y_shift) +
                                             params->y_zero_point);
      }
      memcpy(last, to, params->units);
    }
    last += params->units;
    cell += params->units;
  }
}

void redsc_lstm_anew_s8(const redsc_lstm_params_s8 *params, const int8_t *x, int8_t *y, void *scratch) {
  const uint32_t count = params->sequences * params->units;
  int16_t *cell = (int16_t *)scratch;
  int8_t *last = (int8_t *)(cell + count);
  memset(cell, 0, count * sizeof(*cell));
  memset(last, params->y_zero_point, count);
  redsc_lstm_s8(params, x, last, cell, y);
}
