/* What an inference takes, in the unit that the machine can count. */
#ifndef CLOCK_H_
#define CLOCK_H_

#include <stdint.h>

extern const char clock_unit[];
uint32_t clock_now(void);

#endif
