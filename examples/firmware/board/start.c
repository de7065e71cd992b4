/* Start-up code for the Cortex-M4 on Arm's MPS2 board (AN386): standard output goes to the host by semihosting. */
#include <stdint.h>
#include <stdlib.h>

extern uint32_t data_image[], data_start[], data_end[], bss_start[], bss_end[], stack_top[];
void initialise_monitor_handles(void); /* newlib: standard files through semihosting */
void __libc_init_array(void);
int main(void);

#define CPACR (*(volatile uint32_t *)0xE000ED88u) /* coprocessor access control, Armv7-M reference manual B3.2.20 */

void _init(void);
void _fini(void);
void _init(void) {}
void _fini(void) {}

/* A fault ends the run with a status of its own instead of hanging it. */
static void stop(void) { _Exit(99); }

static void reset(void) {
  const uint32_t *image = data_image;
  uint32_t *word;
  for (word = data_start; word < data_end; ++word) {
    *word = *image++;
  }
  for (word = bss_start; word < bss_end; ++word) {
    *word = 0;
  }
  CPACR |= 0xFu << 20;
  __asm__ volatile("dsb\n isb" ::: "memory");
  initialise_monitor_handles();
  __libc_init_array();
  exit(main());
}

typedef union {
  uint32_t *stack;
  void (*handler)(void);
} vector;

__attribute__((section(".vectors"), used)) static const vector vectors[16] = {
    {.stack = stack_top}, {.handler = reset}, {.handler = stop}, {.handler = stop}, {.handler = stop},
    {.handler = stop},    {.handler = stop},
};
