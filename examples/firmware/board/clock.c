/*
 * The clock of the Cortex-M4 on Arm's MPS2 board (AN386) in QEMU with -icount shift=6: it counts instructions, each of
 * which takes 2^6 ns there. Timer 0 of Arm's CMSDK (APB timer, DDI 0479) ticks at 25 MHz. Your board has DWT->CYCCNT.
 */
#include "clock.h"

enum { TICK_NS = 40, INSTRUCTION_NS = 64 };
enum { CONTROL, VALUE, RELOAD };

static volatile uint32_t *const timer = (volatile uint32_t *)0x40000000u;

const char clock_unit[] = "instructions";

uint32_t clock_now(void) {
  static uint32_t last;
  static uint64_t ticks; /* the timer wraps, what it counted does not */
  uint32_t now;
  if (timer[CONTROL] == 0) {
    timer[RELOAD] = UINT32_MAX;
    timer[VALUE] = last = UINT32_MAX;
    timer[CONTROL] = 1; /* it counts down */
  }
  now = timer[VALUE];
  ticks += last - now;
  last = now;
  return (uint32_t)(ticks * TICK_NS / INSTRUCTION_NS);
}
