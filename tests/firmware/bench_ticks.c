/* The hooks of a bench (redsc_bench.h): instructions in QEMU, counted by the clock of the example's board. */
#include "redsc_bench.h"

#include "clock.h"

void redsc_bench_start(void) { clock_now(); }

uint32_t redsc_bench_cycles(void) { return clock_now(); }
