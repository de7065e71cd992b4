/* What the sketch needs of Arduino's core: a serial port that prints, a pin with the voltage that a test sets. */
#ifndef REDSC_TESTS_ARDUINO_H
#define REDSC_TESTS_ARDUINO_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>

enum { A0 = 14 };

extern int arduino_pin;

inline int analogRead(int) { return arduino_pin; }
inline void delay(unsigned long) {}

struct SerialPort {
  void begin(unsigned long) {}
  void print(const char* text) { printf("%s", text); }
  void print(unsigned int number) { printf("%u", number); }
  void print(double number, int decimals) { printf("%.*f", decimals, number); }
  void println(const char* text) { printf("%s\n", text); }
  void println() { printf("\n"); }
};

extern SerialPort Serial;

#endif
