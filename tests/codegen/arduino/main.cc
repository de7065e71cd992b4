/* As the Arduino builder has it: the core's header, then the sketch; then pins with voltages, and what it did. */
#include <Arduino.h>

#include "net.ino"

int arduino_pin;
SerialPort Serial;

namespace tflite {
namespace micro {
const TfLiteEvalTensor* GetEvalInput(const TfLiteContext*, const TfLiteNode*, int) { return nullptr; }
TfLiteEvalTensor* GetEvalOutput(const TfLiteContext*, const TfLiteNode*, int) { return nullptr; }
}  // namespace micro
}  // namespace tflite

static void run(int voltage) {
  arduino_pin = voltage;
  loop();
  const char* model = reinterpret_cast<const char*>(tflite::MicroInterpreter::last_model());
  printf("ran slot %d", static_cast<int>(model - reinterpret_cast<const char*>(net_model)) / 16);
#ifdef NET_VARIABLE_COUNT
  printf(", %d variables", tflite::MicroInterpreter::last_variables()->count);
#endif
  printf("\n");
}

#ifdef NET_INPUT0_SCALE
static void print_rounding() {
  int wrong = 0;
  for (int q = -128; q < 128; ++q) {
    wrong += element0((q - NET_INPUT0_ZERO_POINT) * NET_INPUT0_SCALE) != q;
  }
  printf("%d wrong, %d %d %d\n", wrong, element0(1e30f), element0(-INFINITY), element0(NAN));
}
#endif

int main() {
  setup();
  run(1023);
  run(0);
  run(1023);
#ifdef NET_INPUT0_SCALE
  print_rounding();
#endif
  return 0;
}
