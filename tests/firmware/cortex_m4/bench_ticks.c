/*
 * The hooks of a bench (redsc_bench.h) on the Cortex-M4 of Arm's MPS2 board (AN386) in QEMU with -icount shift=6: they
 * count instructions, each of which takes 2^6 ns there. Timer 0 of Arm's CMSDK (APB timer, DDI 0479) ticks at 25 MHz.
 */
#include "redsc_bench.h"

enum { TICK_NS = 40, INSTRUCTION_NS = 64 };
enum { CONTROL, VALUE, RELOAD };

static volatile uint32_t *const timer = (volatile uint32_t *)0x40000000u;

void redsc_bench_start(void) {
  timer[RELOAD] = UINT32_MAX;
  timer[VALUE] = UINT32_MAX;
  timer[CONTROL] = 1; /* it counts down */
}

uint32_t redsc_bench_cycles(void) {
  static uint32_t last = UINT32_MAX;
  static uint64_t ticks; /* the timer wraps, what it counted does not */
  const uint32_t now = timer[VALUE];
  ticks += last - now;
  last = now;
  return (uint32_t)(ticks * TICK_NS / INSTRUCTION_NS);
}
