/*
 * net on Arduino: choose a level by budget, write its input, run it, read its output.
 * Made by redsc 0.1.0. This file carries no licence obligation.
 *
 * Yours to fill in: budget_now(), read_input...() and use_outputs(). The levels share one arena: what is in the input or
 * output of a level is lost when another one runs.
 */
#include <net.h>
#include <net_manager.h>

/* What the next inference may take. Here: a low voltage at pin A0 leaves room for the smallest level only. */
static net_budget budget_now() {
  net_budget budget = NET_BUDGET_UNLIMITED;
  if (analogRead(A0) < 300) {
    budget.macs = net_levels[NET_LEVEL_COUNT - 1].macs;
  }
  return budget;
}

/* Element `index` of input 0, "x": i8[1, 8, 8, 3], NHWC in place of the file's [1, 3, 8, 8];
   in the range that the model was trained on. Here: a ramp from 0 to 1. */
static float read_input0(uint32_t index) {
  return (float)index / NET_INPUT0_ELEMENTS;
}

/* Quantise: the integer that stands for a real value. What is out of range becomes the nearest bound, NaN the lower. */
static NET_INPUT0_TYPE element0(float value) {
  const float q = roundf(value / NET_INPUT0_SCALE) + NET_INPUT0_ZERO_POINT;
  const float at_least = q >= -128 ? q : -128;
  return (NET_INPUT0_TYPE)(at_least <= 127 ? at_least : 127);
}

static void write_inputs() {
  NET_INPUT0_TYPE *input0 = (NET_INPUT0_TYPE *)net_input0();
  for (uint32_t index = 0; index < NET_INPUT0_ELEMENTS; ++index) {
    input0[index] = element0(read_input0(index));
  }
}

/* Element `index` of output 0, "fully_connected6": i8[1, 5], as in the file, as a real value. */
static float output0(uint32_t index) {
  const NET_OUTPUT0_TYPE element = ((const NET_OUTPUT0_TYPE *)net_output0())[index];
  return ((float)element - NET_OUTPUT0_ZERO_POINT) * NET_OUTPUT0_SCALE;
}

static void use_outputs() {
  uint32_t best0 = 0;
  for (uint32_t index = 1; index < NET_OUTPUT0_ELEMENTS; ++index) {
    if (output0(index) > output0(best0)) {
      best0 = index;
    }
  }
  Serial.print(", output 0: element ");
  Serial.print(best0);
  Serial.print(" is largest, ");
  Serial.print(output0(best0), 4);
  Serial.println();
}

void setup() {
  Serial.begin(115200);
}

void loop() {
  const net_budget budget = budget_now();
  const net_level level = net_select(&budget);
  if (net_set_level(level) != NET_OK) {
    Serial.println("net: no level is within the budget");
    delay(1000);
    return;
  }
  write_inputs();
  net_run();
  Serial.print("level ");
  Serial.print(net_levels[level].name);
  use_outputs();
  delay(1000);
}
