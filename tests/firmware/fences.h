/*
 * Memory for tensors that ends where they end, so that reading or writing behind one is seen: on the host a block of
 * its size, before a sanitizer's red zone; on a Cortex-M before 32 bytes that the memory protection unit forbids.
 */
#ifndef REDSC_TESTS_FENCES_H
#define REDSC_TESTS_FENCES_H

#include <stdint.h>
#include <stdlib.h>

static void *allocate(size_t bytes) {
  void *block = malloc(bytes);
  if (block == NULL && bytes != 0) {
    exit(2);
  }
  return block;
}

#ifdef __arm__

/* Armv7-M reference manual, B3.5: a region of 32 bytes without access; the default map elsewhere. It begins a page of
   the emulator, which looks at both ends of an access only where that crosses pages. */
#define MPU_CTRL (*(volatile uint32_t *)0xE000ED94u)
#define MPU_RNR (*(volatile uint32_t *)0xE000ED98u)
#define MPU_RBAR (*(volatile uint32_t *)0xE000ED9Cu)
#define MPU_RASR (*(volatile uint32_t *)0xE000EDA0u)
enum { FENCES = 5, AREA_BYTES = 1 << 17, PAGE_BYTES = 1 << 12, REGION_OF_32_BYTES = 4 << 1 | 1 };
static int8_t areas[FENCES][AREA_BYTES + PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));

/* Of FENCES areas this one. */
static int8_t *take(int which, size_t bytes) {
  int8_t *guard = areas[which] + AREA_BYTES;
  if (bytes > AREA_BYTES) {
    exit(5);
  }
  MPU_RNR = (uint32_t)which;
  MPU_RBAR = (uint32_t)guard;
  MPU_RASR = REGION_OF_32_BYTES;
  MPU_CTRL = 5;
  __asm__ volatile("dsb\n isb" ::: "memory");
  return guard - bytes;
}

static void give_back(int8_t *block) { (void)block; }

#else

static int8_t *take(int which, size_t bytes) {
  (void)which;
  return (int8_t *)allocate(bytes);
}

static void give_back(int8_t *block) { free(block); }

#endif

#endif /* REDSC_TESTS_FENCES_H */
