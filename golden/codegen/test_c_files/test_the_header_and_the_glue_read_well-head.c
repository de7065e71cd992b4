/*
 * net: the model array. Made by redsc 0.1.0 from a model with sha256
 * 0000000000000000000000000000000000000000000000000000000000000000.
 * This file carries no licence obligation.
 */
#include "net_manager.h"

/* Define NET_DATA_ATTR to place the array, say in a section of external flash. */
#ifndef NET_DATA_ATTR
#define NET_DATA_ATTR
#endif

#if defined(__cplusplus) && __cplusplus >= 201103L
#define NET_ALIGN16 alignas(16)
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define NET_ALIGN16 _Alignas(16)
#elif defined(_MSC_VER)
#define NET_ALIGN16 __declspec(align(16))
#else
#define NET_ALIGN16 __attribute__((aligned(16)))
#endif

NET_STATIC_ASSERT(sizeof(net_model) == NET_MODEL_BYTES, array_size);
NET_STATIC_ASSERT(16 * NET_LEVEL_COUNT < NET_MODEL_BYTES, slots_inside);

const net_level_info net_levels[NET_LEVEL_COUNT] = {
    {"100", 5000u, 0u, 2660u, -1.0f},
    {"37.5", 1800u, 16u, 2020u, 0.912500024f},
};

NET_ALIGN16 const unsigned char net_model[NET_MODEL_BYTES] NET_DATA_ATTR 