/*
 * redsc: float32 functions of one operand that need libm. This file carries no licence obligation.
 *
 * Every element of x is read before that of y is written, in order: y may be x.
 */
#ifndef REDSC_LIBM_F32_H
#define REDSC_LIBM_F32_H

#include "redsc_unary_f32.h"

#ifdef __cplusplus
extern "C" {
#endif

void redsc_ceil_f32(const redsc_unary_params_f32 *params, const float *x, float *y);
void redsc_cos_f32(const redsc_unary_params_f32 *params, const float *x, float *y);
void redsc_elu_f32(const redsc_unary_params_f32 *params, const float *x, float *y);
void redsc_exp_f32(const redsc_unary_params_f32 *params, const float *x, float *y);
void redsc_floor_f32(const redsc_unary_params_f32 *params, const float *x, float *y);
void redsc_log_f32(const redsc_unary_params_f32 *params, const float *x, float *y);
void redsc_logistic_f32(const redsc_unary_params_f32 *params, const float *x, float *y);
void redsc_rsqrt_f32(const redsc_unary_params_f32 *params, const float *x, float *y);
void redsc_sin_f32(const redsc_unary_params_f32 *params, const float *x, float *y);
void redsc_sqrt_f32(const redsc_unary_params_f32 *params, const float *x, float *y);
void redsc_tanh_f32(const redsc_unary_params_f32 *params, const float *x, float *y);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_LIBM_F32_H */
