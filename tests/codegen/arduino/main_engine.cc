/* As the Arduino builder has it: the core's header, then the sketch for the C engine; then pins with voltages. */
#include <Arduino.h>

#include "net.ino"

int arduino_pin;
SerialPort Serial;

static void run(int voltage) {
  arduino_pin = voltage;
  loop();
}

int main() {
  setup();
  run(1023);
  run(0);
  run(1023);
  return 0;
}
