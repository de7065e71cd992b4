/* Writes what a RISC-V core counts in an inference, for every level of `net`, into the file counts.txt. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "net.h"

static uint32_t counted(void) {
  uint32_t count;
  __asm__ volatile(".option push\n.option arch, +zicsr\nrdinstret %0\n.option pop" : "=r"(count) : : "memory");
  return count;
}

int main(void) {
  FILE *out = fopen("counts.txt", "w");
  int level;
  for (level = 0; level < NET_LEVEL_COUNT; ++level) {
    uint32_t before;
    if (out == NULL || net_set_level((net_level)level) != NET_OK) {
      return 1;
    }
    memset(net_input0(), 3, NET_INPUT0_BYTES);
    before = counted();
    (void)net_run();
    fprintf(out, "%" PRIu32 "\n", counted() - before);
  }
  return fclose(out) != 0;
}
