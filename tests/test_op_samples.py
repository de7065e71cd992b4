from __future__ import annotations

import pytest

from redsc.formats import write_tflite
from redsc.formats.tflite.read.reader import read_tflite
from redsc.ir import OPS, parse_graph, print_graph, verify_graph
from redsc.ir.signatures import Signature
from redsc.runtime import EXECUTORS, installed
from redsc.runtime.compare import FLOAT_TOLERANCE, difference
from tests.op_samples import sample_graph, sample_inputs, signature_cases
from tests.sample_operands import SAMPLES


def _name(item: object) -> str:
    if isinstance(item, Signature):
        return f"{'-'.join(dtype.value for dtype in item.inputs)}-to-{item.output.value}"
    return str(item)


every_signature = pytest.mark.parametrize(("name", "row"), list(signature_cases()), ids=_name)


def test_every_op_has_a_sample() -> None:
    assert set(SAMPLES) == set(OPS)


@every_signature
def test_text_and_file_keep_every_op(name: str, row: Signature) -> None:
    graph = sample_graph(name, row)
    verify_graph(graph)
    text = print_graph(graph)
    assert print_graph(parse_graph(text)) == text
    read = read_tflite(write_tflite(graph))
    assert print_graph(read, with_origins=False) == print_graph(graph, with_origins=False)


@every_signature
def test_both_runtimes_run_every_op_alike(name: str, row: Signature) -> None:
    if not installed("tflm"):
        pytest.skip("tflite_micro is not installed")
    graph = sample_graph(name, row)
    model, samples = write_tflite(graph), sample_inputs(graph)
    if reason := EXECUTORS["litert"].refusal(model):
        pytest.skip(reason)
    litert, tflm = EXECUTORS["litert"].run_steps(model, samples), EXECUTORS["tflm"].run_steps(model, samples)
    shapes = [value.type.shape for value in graph.outputs]
    assert [[array.shape for array in row] for row in litert] == [shapes] * len(samples)
    assert difference(litert, tflm, FLOAT_TOLERANCE) is None
