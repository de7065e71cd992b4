/*
 * net: the model array. Made by redsc 0.1.0 from a model with sha256
 * 0000000000000000000000000000000000000000000000000000000000000000.
 * This file carries no licence obligation.
 */
#include "net_manager.h"

/*
 * The assembler reads the array from net.tflite: 64 bytes with sha256
 * ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb.
 * Compile with -I and the folder of that file, or define NET_MODEL_FILE as a string with its path; with -fno-lto
 * where other files have -flto. Compilers do not list it among the dependencies of this file; where it changes, so
 * does this comment.
 */
#if !defined(__GNUC__)
#error "this array needs GCC or Clang: compile the model again with --array hex"
#endif

#ifndef NET_MODEL_FILE
#define NET_MODEL_FILE "net.tflite"
#endif

/* Define NET_DATA_SECTION to place the array elsewhere, with the arguments of .section as a string. */
#ifdef NET_DATA_ATTR
#error "attributes do not reach the assembler: define NET_DATA_SECTION, say as \".external,\\\"a\\\"\""
#endif
#if !defined(NET_DATA_SECTION) && defined(__APPLE__)
#define NET_DATA_SECTION "__TEXT,__const"
#elif !defined(NET_DATA_SECTION) && defined(_WIN32)
#define NET_DATA_SECTION ".rdata,\"dr\""
#elif !defined(NET_DATA_SECTION)
#define NET_DATA_SECTION ".rodata.net_model,\"a\""
#endif

#define NET_TEXT_OF(token) #token
#define NET_TEXT(token) NET_TEXT_OF(token)
#define NET_SYMBOL NET_TEXT(__USER_LABEL_PREFIX__) "net_model"

__asm__(
#if defined(__ELF__)
    ".pushsection " NET_DATA_SECTION "\n"
    ".type " NET_SYMBOL ", %object\n"
    ".size " NET_SYMBOL ", 64\n"
#else
    ".section " NET_DATA_SECTION "\n"
#endif
    ".globl " NET_SYMBOL "\n"
    ".balign 16\n"
    NET_SYMBOL ":\n"
    ".incbin \"" NET_MODEL_FILE "\", 0, 64\n"
#if defined(__ELF__)
    ".popsection\n"
#else
    ".text\n"
#endif
);

NET_STATIC_ASSERT(sizeof(net_model) == NET_MODEL_BYTES, array_size);
NET_STATIC_ASSERT(16 * NET_LEVEL_COUNT < NET_MODEL_BYTES, slots_inside);

const net_level_info net_levels[NET_LEVEL_COUNT] = {
    {"100", 5000u, 0u, 2660u, -1.0f},
    {"37.5", 1800u, 16u, 2020u, 0.912500024f},
};
