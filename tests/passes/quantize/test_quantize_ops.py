"""Every op with an int8 kernel: quantised by its rules alone, it must run and come close to float."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from redsc.choices import Calibration
from redsc.formats import write_tflite
from redsc.ir import OPS, DType
from redsc.ir.signatures import Signature
from redsc.options import Quantization
from redsc.passes.base import Log
from redsc.passes.quantize.ptq import quantize_network
from redsc.runtime import EXECUTORS, installed
from redsc.runtime.evaluate.sqnr import measure_sqnr
from redsc.runtime.ports import quantize_samples
from tests.op_samples import pure_cases, sample_graph, sample_inputs

FLOOR_DB = 25.0
NOT_BY_RULES = {
    "CAST": "it converts raw integers",
    "QUANTIZE": "it is what the pass adds",
    "DEQUANTIZE": "it is what the pass adds",
}


def float_rows() -> Iterator[tuple[str, Signature]]:
    """Yield the float signatures of all ops that have an int8 one too."""
    for name, row in pure_cases():
        has_int8 = any(DType.INT8 in (*item.inputs, item.output) for item in OPS[name].signatures)
        if has_int8 and DType.FLOAT32 in (*row.inputs, row.output) and name not in NOT_BY_RULES:
            yield name, row


def ident(item: object) -> str | None:
    return item if isinstance(item, str) else None


@pytest.mark.parametrize(
    ("name", "row"), list(float_rows()), ids=lambda item: item if isinstance(item, str) else ""
)
def test_the_op_runs_in_int8_and_comes_close_to_float(name: str, row: Signature) -> None:
    graph = sample_graph(name, row)
    samples = sample_inputs(graph, 24)
    log = Log()
    made = quantize_network(graph, samples, Quantization(calibration=Calibration.MINMAX), log).graph
    assert [entry.text for entry in log.entries if entry.is_refusal] == []
    assert not [value for value in made.values() if value.type.dtype is DType.FLOAT32]
    assert not [node for node in made.nodes if node.op in ("QUANTIZE", "DEQUANTIZE")]
    rows = measure_sqnr(graph, made, samples)
    assert made.outputs[0].type.dtype is not DType.INT8 or all(row.sqnr_db > FLOOR_DB for row in rows), rows
    integers, model = quantize_samples(made, samples), write_tflite(made)
    litert = EXECUTORS["litert"].run(model, integers)
    if made.outputs[0].type.dtype is not DType.INT8 and name != "EQUAL":
        expected = EXECUTORS["litert"].run(write_tflite(graph), samples)
        assert np.mean([np.mean(a[0] == b[0]) for a, b in zip(expected, litert, strict=True)]) > 0.9
    if installed("tflm"):
        tflm = EXECUTORS["tflm"].run(model, integers)
        apart = max(np.abs(a[0].astype(int) - b[0].astype(int)).max() for a, b in zip(litert, tflm, strict=True))
        assert apart <= (name == "FULLY_CONNECTED")  # known to differ by one step at times
