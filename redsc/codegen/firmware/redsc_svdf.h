/*
 * redsc: int8 SVDF layers, which keep products of the last inferences. This file carries no licence obligation.
 *
 * Reads x of a batch once per filter before it writes a unit of y: y must lie apart.
 */
#ifndef REDSC_SVDF_H
#define REDSC_SVDF_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Units of `rank` filters each; a filter has `depth` feature weights and `memory` time weights, and as many products
 * in the state, oldest first. Sums of features become products with the first multiplier, those of products with
 * time weights become y with the second: sum * multiplier * 2^(shift - 31).
 */
typedef struct {
  uint32_t batches, units, rank, depth, memory;
  int32_t multiplier, y_multiplier;
  int16_t x_zero_point, state_zero_point, y_zero_point;
  int8_t shift, y_shift;
} redsc_svdf_params_s8;

/* Time weights and state of int8, or of int16; the state changes. */
void redsc_svdf_s8(const redsc_svdf_params_s8 *params, const int8_t *x, const int8_t *feature, const int8_t *time,
                   const int32_t *bias, int8_t *state, int8_t *y);
void redsc_svdf_s16(const redsc_svdf_params_s8 *params, const int8_t *x, const int8_t *feature, const int16_t *time,
                    const int32_t *bias, int16_t *state, int8_t *y);

#ifdef __cplusplus
}
#endif

#endif /* REDSC_SVDF_H */
