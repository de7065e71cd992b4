"""Transposed convolutions in the C engine, against TFLM's kernels."""

from __future__ import annotations

import pytest

from redsc.ir import DType
from tests.firmware.engine.harness import HOST_SANITIZED, M4, Machine
from tests.firmware.engine.linear_cases import check_layers, transpose_conv
from tests.firmware.engine.move_cases import Draw

pytest.importorskip("tflite_micro", reason="the oracle is TFLM's interpreter")
MACHINES = pytest.mark.parametrize("machine", [HOST_SANITIZED, M4], ids=["host", "cortex-m4"])


@MACHINES
@pytest.mark.parametrize("dtype", [DType.INT8, DType.FLOAT32])
def test_layers_are_what_tflm_computes(dtype: DType, machine: Machine) -> None:
    draw = Draw(1)
    check_layers([transpose_conv(draw, dtype=dtype) for _ in range(60)], machine)


@MACHINES
@pytest.mark.parametrize("dtype", [DType.INT8, DType.FLOAT32])
def test_smaller_layers_read_the_weights_of_the_largest(dtype: DType, machine: Machine) -> None:
    draw = Draw(2)
    check_layers([transpose_conv(draw, cut=True, dtype=dtype) for _ in range(20)], machine)
