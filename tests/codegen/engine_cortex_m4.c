/* Prints what a switch of level takes in SysTick ticks on the Cortex-M4, and the stack of an inference, per level. */
#include <stdio.h>
#include <string.h>

#include "net.h"

#define SYST_CSR (*(volatile uint32_t *)0xE000E010u)
#define SYST_RVR (*(volatile uint32_t *)0xE000E014u)
#define SYST_CVR (*(volatile uint32_t *)0xE000E018u)
#define PAINT 0xC5
#define PAINTED_BYTES 8192

static uint32_t ticks_of_switch(net_level level) {
  const uint32_t before = SYST_CVR;
  const net_status status = net_set_level(level);
  const uint32_t after = SYST_CVR;
  return status == NET_OK ? (before - after) & 0xFFFFFFu : 0u;
}

/* Return how far below this function's frame an inference writes. */
__attribute__((noinline)) static uint32_t stack_of_inference(void) {
  volatile uint8_t *const top = (volatile uint8_t *)__builtin_frame_address(0) - 64; /* below what is in use here */
  volatile uint8_t *at;
  for (at = top - PAINTED_BYTES; at < top; ++at) {
    *at = PAINT;
  }
  if (net_run() != NET_OK) {
    return 0;
  }
  for (at = top - PAINTED_BYTES; at < top && *at == PAINT; ++at) {
  }
  return (uint32_t)(top - at) + 64u;
}

int main(void) {
  int level;
  SYST_RVR = 0xFFFFFFu;
  SYST_CVR = 0;
  SYST_CSR = 5; /* counts down, with the processor's clock */
  for (level = 0; level < NET_LEVEL_COUNT; ++level) {
    const uint32_t ticks = ticks_of_switch((net_level)level);
    memset(net_input0(), 1, NET_INPUT0_BYTES);
    printf("%d %lu %lu\n", (int)net_get_level(), (unsigned long)ticks, (unsigned long)stack_of_inference());
  }
  return 0;
}
