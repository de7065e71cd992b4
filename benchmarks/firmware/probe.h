/*
 * Instruments of the benchmark on the Cortex-M4 of Arm's MPS2 board (AN386): ticks of a call, and its stack.
 * This file carries no licence obligation.
 */
#ifndef PROBE_H
#define PROBE_H

#include <stdint.h>

/* Timer 0 of Arm's CMSDK (APB timer, DDI 0479): 32 bits, 25 MHz. SysTick has 24 bits, too few for an inference. */
static volatile uint32_t *const probe_timer = (volatile uint32_t *)0x40000000u;

enum { PROBE_CONTROL, PROBE_VALUE, PROBE_RELOAD };
enum { PROBE_STACK_WORDS = 4096 };

static const uint32_t probe_paint = 0xC5C5C5C5u;

static inline void probe_start(void) {
  probe_timer[PROBE_RELOAD] = 0xFFFFFFFFu;
  probe_timer[PROBE_VALUE] = 0xFFFFFFFFu;
  probe_timer[PROBE_CONTROL] = 1; /* it counts down */
}

/* Ticks of a call. No compiler writes the two moves, by which cycles.c knows where to count. */
__attribute__((noinline)) static uint32_t probe_ticks(void (*call)(void)) {
  uint32_t before, after;
  __asm__ volatile("mov r9, r9" ::: "memory");
  before = probe_timer[PROBE_VALUE];
  call();
  after = probe_timer[PROBE_VALUE];
  __asm__ volatile("mov r10, r10" ::: "memory");
  return before - after;
}

/* Bytes of stack that a call takes: it paints what lies below its own frame, and looks how far the paint is gone. */
__attribute__((noinline)) static uint32_t probe_stack(void (*call)(void)) {
  volatile uint32_t *top, *word;
  __asm__ volatile("mov %0, sp" : "=r"(top));
  for (word = top - PROBE_STACK_WORDS; word < top; ++word) {
    *word = probe_paint;
  }
  call();
  for (word = top - PROBE_STACK_WORDS; word < top && *word == probe_paint; ++word) {
  }
  return (uint32_t)(top - word) * (uint32_t)sizeof(*word);
}

#endif /* PROBE_H */
