/*
 * net on Arduino: choose a level by budget, write its input, run it, read its output.
 * Made by redsc 0.1.0. This file carries no licence obligation.
 *
 * Yours to fill in: budget_now(), read_input...() and use_outputs(). The levels share one arena: what is in the input or
 * output of a level is lost when another one runs.
 */
#include <TensorFlowLite.h> /* of the library that brings TensorFlow Lite Micro; it may have another name there */

#include <new>

#include "tensorflow/lite/micro/micro_allocator.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tensorflow/lite/schema/schema_generated.h"

#include <net.h>
#include <net_manager.h>
#include <net_tflm.h>

alignas(16) static uint8_t arena[NET_ARENA_BYTES];
NET_CHECK_ARENA(sizeof(arena));

static tflite::MicroMutableOpResolver<NET_OP_COUNT> resolver;

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

static void write_inputs(tflite::MicroInterpreter *interpreter) {
  NET_INPUT0_TYPE *input0 = (NET_INPUT0_TYPE *)interpreter->input(0)->data.raw;
  for (uint32_t index = 0; index < NET_INPUT0_ELEMENTS; ++index) {
    input0[index] = element0(read_input0(index));
  }
}

/* Element `index` of output 0, "fully_connected6": i8[1, 5], as in the file, as a real value. */
static float output0(tflite::MicroInterpreter *interpreter, uint32_t index) {
  const NET_OUTPUT0_TYPE element = ((const NET_OUTPUT0_TYPE *)interpreter->output(0)->data.raw)[index];
  return ((float)element - NET_OUTPUT0_ZERO_POINT) * NET_OUTPUT0_SCALE;
}

static void use_outputs(tflite::MicroInterpreter *interpreter) {
  uint32_t best0 = 0;
  for (uint32_t index = 1; index < NET_OUTPUT0_ELEMENTS; ++index) {
    if (output0(interpreter, index) > output0(interpreter, best0)) {
      best0 = index;
    }
  }
  Serial.print(", output 0: element ");
  Serial.print(best0);
  Serial.print(" is largest, ");
  Serial.print(output0(interpreter, best0), 4);
  Serial.println();
}

static tflite::MicroInterpreter *loaded = nullptr;
static net_level ready = NET_LEVEL_NONE;

/* The arena holds one level at a time: load this one if it is not there; null if it does not load. */
static tflite::MicroInterpreter *interpreter_of(net_level level) {
  alignas(tflite::MicroInterpreter) static uint8_t place[sizeof(tflite::MicroInterpreter)];
  if (level == ready) {
    return loaded;
  }
  if (loaded != nullptr) {
    loaded->~MicroInterpreter();
  }
  tflite::MicroAllocator *allocator = tflite::MicroAllocator::Create(arena, sizeof(arena));
  loaded = new (place) tflite::MicroInterpreter(
      tflite::GetModel(NET_MODEL(level)), resolver, allocator);
  ready = loaded->AllocateTensors() == kTfLiteOk ? level : NET_LEVEL_NONE;
  return ready == level ? loaded : nullptr;
}

static bool begin_levels() {
  return interpreter_of((net_level)0) != nullptr;
}

static void stop(const char *why) {
  for (;;) {
    Serial.println(why);
    delay(1000);
  }
}

void setup() {
  Serial.begin(115200);
  if (!net_register_ops(resolver)) {
    stop("net: the resolver is too small");
  }
  if (!begin_levels()) {
    stop("net: a level does not load");
  }
}

void loop() {
  const net_budget budget = budget_now();
  const net_level level = net_select(&budget);
  if (level == NET_LEVEL_NONE) {
    Serial.println("net: no level is within the budget");
    delay(1000);
    return;
  }
  tflite::MicroInterpreter *chosen = interpreter_of(level);
  if (chosen == nullptr) {
    stop("net: a level does not load");
  }
  write_inputs(chosen);
  if (chosen->Invoke() != kTfLiteOk) {
    stop("net: a level does not run");
  }
  Serial.print("level ");
  Serial.print(net_levels[level].name);
  use_outputs(chosen);
  delay(1000);
}
