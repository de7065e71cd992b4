/*
 * redsc: float SVDF layers, which keep products of the last inferences. This file carries no licence obligation.
 *
 * Reads x of a batch once per filter before it writes a unit of y: y must lie apart.
 */
#ifndef REDSC_SVDF_F32_H
#define REDSC_SVDF_F32_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* As in redsc_svdf.h; the limits are those of a fused activation. */
typedef struct {
  uint32_t batches, units, rank, depth, memory;
  float minimum, maximum;
} redsc_svdf_params_f32;

void redsc_svdf_f32(const redsc_svdf_params_f32 *params, const float *x, const float *feature, const float *time,
                    const float *bias, float *state, float *y);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_SVDF_F32_H */
