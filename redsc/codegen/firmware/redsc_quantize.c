/*
 * redsc: from float32 to int8 and back. This file carries no licence obligation.
 *
 * Follows tensorflow/lite/kernels/internal/reference/{quantize,dequantize}.h.
 */
#include "redsc_quantize.h"

REDSC_QUANTIZE(redsc_quantize_f32_s8, int8_t, -128, 127)
REDSC_DEQUANTIZE(redsc_dequantize_s8, int8_t)
