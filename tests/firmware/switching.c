/* Chooses a level for several budgets on the Cortex-M4 and prints level, slot offset and SysTick ticks of each. */
#include <stdio.h>

#include "net_manager.h"

#define SYST_CSR (*(volatile uint32_t *)0xE000E010u)
#define SYST_RVR (*(volatile uint32_t *)0xE000E014u)
#define SYST_CVR (*(volatile uint32_t *)0xE000E018u)

typedef struct {
  net_level level;
  const void *model;
} ready;

__attribute__((noinline)) static ready choose(const net_budget *budget) {
  ready found;
  found.level = net_select(budget);
  found.model = found.level == NET_LEVEL_NONE ? NULL : NET_MODEL(found.level);
  return found;
}

int main(void) {
  net_budget budget = NET_BUDGET_UNLIMITED;
  int slot;
  SYST_RVR = 0xFFFFFFu;
  SYST_CVR = 0;
  SYST_CSR = 5; /* counts down, with the processor's clock */
  for (slot = 0; slot <= NET_LEVEL_COUNT; ++slot) {
    uint32_t before, after;
    ready found;
    budget.macs = slot < NET_LEVEL_COUNT ? net_levels[slot].macs : 0;
    before = SYST_CVR;
    found = choose(&budget);
    after = SYST_CVR;
    printf("%d %ld %lu\n", (int)found.level,
           found.model == NULL ? -1L : (long)((const unsigned char *)found.model - net_model),
           (unsigned long)((before - after) & 0xFFFFFFu));
  }
  return 0;
}
