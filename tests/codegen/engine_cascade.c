/* Runs the cascade of `net` on samples from stdin; prints the level that answers and its output. */
#include <stdio.h>
#include <string.h>

#include "net_manager.h"

static const int8_t *infer(void *context, net_level level) {
  if (net_set_level(level) != NET_OK) {
    return NULL;
  }
  memcpy(net_input0(), context, NET_INPUT0_BYTES); /* an inference overwrites it: anew for every level */
  return net_run() == NET_OK ? net_output0() : NULL;
}

int main(void) {
  int8_t input[NET_INPUT0_ELEMENTS];
  while (fread(input, sizeof(input), 1, stdin) == 1) {
    const int8_t *output;
    size_t i;
    printf("%d", (int)net_cascade_run(infer, input, NET_LEVEL_100, &output));
    for (i = 0; output != NULL && i < NET_OUTPUT0_ELEMENTS; ++i) {
      printf(" %d", output[i]);
    }
    printf("\n");
  }
  return 0;
}
