/*
 * redsc: comparisons of two float32 operands. This file carries no licence obligation.
 *
 * Follows tensorflow/lite/kernels/internal/reference/comparisons.h.
 */
#include "redsc_compare_f32.h"

REDSC_BINARY_F32(greater, uint8_t, x > w)
REDSC_BINARY_F32(greater_equal, uint8_t, x >= w)
REDSC_BINARY_F32(equal, uint8_t, x == w)
REDSC_BINARY_F32(not_equal, uint8_t, x != w)
