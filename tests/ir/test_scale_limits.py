"""What is said of scales, against tflite-micro's kernels."""

from __future__ import annotations

import numpy as np
import pytest

from redsc.formats import write_tflite
from redsc.ir import Div, DType, GraphBuilder, Quant
from redsc.ir.scale_limits import why_scales_fail
from redsc.runtime import EXECUTORS

pytest.importorskip("tflite_micro", reason="the oracle is TFLM's interpreter")
EVERY = np.arange(-128, 128, dtype=np.int8)


@pytest.mark.parametrize(
    ("steps", "zero_point", "is_right"),
    [
        (2.0**22, 0, True),
        (256, 0, True),
        (64, 0, True),
        (63, 0, False),
        (8, 0, False),
        (32, -128, True),
        (31, -128, False),
    ],
)
def test_quotients_are_right_where_their_scales_pass(steps: float, zero_point: int, is_right: bool) -> None:
    """Of all pairs: at most a step off, but for divisions by 0."""
    quant, builder = Quant.per_tensor(0.02, zero_point), GraphBuilder()
    operands = [builder.input("x", (256, 256), DType.INT8, quant) for _ in range(2)]
    graph = builder.output(builder.op("DIV", *operands, attrs=Div(), quant=Quant.per_tensor(1 / steps)))
    a, b = np.meshgrid(EVERY, np.where(np.equal(EVERY, zero_point), zero_point + 1, EVERY).astype(np.int8))
    ((found,),) = EXECUTORS["tflm"].run(write_tflite(graph), [[a, b]])
    quotients = (a.astype(np.float64) - zero_point) / (b.astype(np.float64) - zero_point)
    wanted = np.clip(np.rint(quotients * steps), -128, 127)
    assert (np.abs(found - wanted).max() <= 1) == is_right
    assert (why_scales_fail(graph.nodes[0]) is None) == is_right
