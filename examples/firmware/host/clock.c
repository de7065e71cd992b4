/* The clock of this machine: the time that the program has worked. */
#include "clock.h"

#include <time.h>

const char clock_unit[] = "us";

uint32_t clock_now(void) { return (uint32_t)((uint64_t)clock() * 1000000u / CLOCKS_PER_SEC); }
