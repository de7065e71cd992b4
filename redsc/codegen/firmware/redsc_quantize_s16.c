/*
 * redsc: from float32 to int16 and back. This file carries no licence obligation.
 */
#include "redsc_quantize_s16.h"

REDSC_QUANTIZE(redsc_quantize_f32_s16, int16_t, -32768, 32767)
REDSC_DEQUANTIZE(redsc_dequantize_s16, int16_t)
