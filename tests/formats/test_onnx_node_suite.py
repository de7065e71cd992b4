"""The backend tests that ship with onnx: each is answered as expected, or refused with a reason.

Their weights are graph inputs. What is no float32 becomes a constant; of float inputs once all are kept and once
only the first.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from redsc.errors import UnsupportedError
from redsc.formats import write_tflite
from redsc.formats.model import port
from redsc.formats.onnx.ops import ONNX_OPS
from redsc.formats.onnx.reader import OnnxImport, read_onnx
from redsc.formats.onnx.row import OnnxOp
from redsc.ir import Array
from redsc.runtime import EXECUTORS
from tests.conftest import Golden

FEWEST_MATCHED = 650  # of onnx 1.23; another version has a few more or less
VERSION = "1.23"
SKIPPED = ("test_flexattention",)  # a mask of infinities


def _is_float(array: Any) -> bool:
    return isinstance(array, np.ndarray) and array.dtype == np.float32 and array.size > 0 and array.ndim > 0


def _variants() -> Iterator[tuple[str, Any, bytes, dict[str, Array]]]:
    """Yield name, case, model and data of every case whose ops are all translated."""
    from onnx.backend.test.loader import load_model_tests

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        cases = load_model_tests(kind="node")
    for case in cases:
        if case.model is None or not case.data_sets:
            continue
        nodes = case.model.graph.node
        if not all(isinstance(ONNX_OPS.get(node.op_type), OnnxOp) for node in nodes):
            continue
        inputs = dict(zip([item.name for item in case.model.graph.input], case.data_sets[0][0], strict=False))
        arrays = all(isinstance(array, np.ndarray) and array.size for array in inputs.values())
        data = [name for name, array in inputs.items() if _is_float(array)]
        if not data or not arrays or case.name.startswith(SKIPPED):
            continue
        for kept in dict.fromkeys((tuple(data[:1]), tuple(data))):
            model = _with_constants(case.model, inputs, kept)
            yield f"{case.name}/{len(kept)}", case, model, {name: inputs[name] for name in kept}


def _with_constants(proto: Any, inputs: dict[str, Array], kept: tuple[str, ...]) -> bytes:
    model = onnx.ModelProto.FromString(proto.SerializeToString())
    rest = [onnx.ValueInfoProto.FromString(i.SerializeToString()) for i in model.graph.input if i.name in kept]
    del model.graph.input[:]
    model.graph.input.extend(rest)
    constants = [(name, array) for name, array in inputs.items() if name not in kept]
    model.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in constants)
    return bytes(model.SerializeToString())


def _difference(case: Any, found: OnnxImport, data: dict[str, Array]) -> str:
    """Return what is wrong with the answers, if anything."""
    graph = found.graph
    inputs = [port(*pair) for pair in zip(graph.inputs, found.inputs, strict=True)]
    outputs = [port(*pair) for pair in zip(graph.outputs, found.outputs, strict=True)]
    mine = [np.ascontiguousarray(item.to_graph(data[item.name])) for item in inputs]
    (answers,) = EXECUTORS["litert"].run(write_tflite(graph), [mine])
    for item, answer, wanted in zip(outputs, answers, case.data_sets[0][1], strict=True):
        got = item.to_source(answer)
        if got.shape != wanted.shape:
            return f"{list(wanted.shape)} became {list(got.shape)}"
        tolerances = {"rtol": max(case.rtol, 1e-5), "atol": max(case.atol, 1e-5)}
        if not np.allclose(got.astype(float), wanted.astype(float), **tolerances):
            return "the numbers differ"
    return ""


def test_every_case_is_answered_or_refused(golden: Golden) -> None:
    matched, refused, wrong = 0, [], []
    for name, case, model, data in _variants():
        try:
            found = read_onnx(model)
        except UnsupportedError as error:
            refused.append(f"{name}: {str(error).splitlines()[1].strip()}")
            continue
        problem = _difference(case, found, data)
        matched += not problem
        wrong += [f"{name}: {problem}"] if problem else []
    assert wrong == []
    assert matched >= FEWEST_MATCHED
    if not onnx.__version__.startswith(VERSION):
        pytest.skip(f"the list of refusals is that of onnx {VERSION}")
    golden("".join(f"{line}\n" for line in (f"{matched} match, {len(refused)} are refused", *refused)))
