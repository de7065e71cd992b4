/*
 * net in TensorFlow Lite Micro: registers exactly the ops that its levels need.
 * Made by redsc 0.1.0. This file carries no licence obligation.
 *
 *   alignas(16) static uint8_t arena[NET_ARENA_BYTES];
 *   static tflite::MicroMutableOpResolver<NET_OP_COUNT> resolver;
 *   net_register_ops(resolver);
 *   auto* allocator = tflite::MicroAllocator::Create(arena, sizeof(arena));
 *   tflite::MicroInterpreter interpreter(
 *       tflite::GetModel(NET_MODEL(NET_LEVEL_100)), resolver, allocator);
 *
 * The arena holds one level at a time. Call AllocateTensors() once. To switch, destroy the interpreter, then create
 * allocator and interpreter anew with NET_MODEL() of another level.
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
