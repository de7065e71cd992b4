/*
 * net in TensorFlow Lite Micro: registers exactly the ops that its levels need.
 * Made by redsc 0.1.0. This file carries no licence obligation.
 *
 *   alignas(16) static uint8_t arena[NET_ARENA_BYTES];
 *   static tflite::MicroMutableOpResolver<NET_OP_COUNT> resolver;
 *   net_register_ops(resolver);
 *   auto* allocator = tflite::MicroAllocator::Create(arena, sizeof(arena));
 *   tflite::MicroInterpreter level_100(
 *       tflite::GetModel(NET_MODEL(NET_LEVEL_100)), resolver, allocator);
 *   tflite::MicroInterpreter level_37_5(
 *       tflite::GetModel(NET_MODEL(NET_LEVEL_37_5)), resolver, allocator);
 *
 * Call AllocateTensors() of each once. To switch, use another interpreter: write its input, then Invoke().
 */
#ifndef REDSC_NET_TFLM_H_
#define REDSC_NET_TFLM_H_

#include "net.h"

#define NET_OP_COUNT 6

/* Register with a tflite::MicroMutableOpResolver<NET_OP_COUNT> or a larger one; false if it is full. */
template <typename Resolver>
inline bool net_register_ops(Resolver& resolver) {
  return resolver.AddAveragePool2D() == 0 &&
         resolver.AddConv2D() == 0 &&
         resolver.AddDepthwiseConv2D() == 0 &&
         resolver.AddFullyConnected() == 0 &&
         resolver.AddRelu() == 0 &&
         resolver.AddReshape() == 0;
}

#endif /* REDSC_NET_TFLM_H_ */
