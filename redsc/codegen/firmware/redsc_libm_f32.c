/*
 * redsc: float32 functions of one operand that need libm. This file carries no licence obligation.
 *
 * Follows tensorflow/lite/kernels/internal/reference/{elu,logistic,tanh}.h and tensorflow/lite/micro/kernels/
 * elementwise.cc.
 */
#include "redsc_libm_f32.h"

#include <math.h>

/* Outside of its limits 1 + exp(-x) or exp(x) is all that a float32 shows. */
static inline float redsc_sigmoid(float x) {
  if (x > 16.619047164916992188f) {
    return 1.0f;
  }
  return x < -9.0f ? expf(x) : 1.0f / (1.0f + expf(-x));
}

REDSC_UNARY_F32(ceil, ceilf(x))
REDSC_UNARY_F32(cos, cosf(x))
REDSC_UNARY_F32(elu, x < 0.0f ? expm1f(x) : x)
REDSC_UNARY_F32(exp, expf(x))
REDSC_UNARY_F32(floor, floorf(x))
REDSC_UNARY_F32(log, logf(x))
REDSC_UNARY_F32(logistic, redsc_sigmoid(x))
REDSC_UNARY_F32(rsqrt, 1.0f / sqrtf(x))
REDSC_UNARY_F32(sin, sinf(x))
REDSC_UNARY_F32(sqrt, sqrtf(x))
REDSC_UNARY_F32(tanh, tanhf(x))
