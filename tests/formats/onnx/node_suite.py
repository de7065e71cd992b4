"""The backend tests that ship with onnx, and what becomes of them: a page of the documentation is made of that.

Their weights are graph inputs. What is no float32 becomes a constant; of float inputs once all are kept and once
only the first.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from redsc.errors import MalformedModel, UnsupportedError
from redsc.formats import write_tflite
from redsc.formats.model import port
from redsc.formats.onnx.ops.table import ONNX_OPS
from redsc.formats.onnx.reader import OnnxImport, read_onnx
from redsc.formats.tables import Refusal
from redsc.ir import Array
from redsc.runtime import EXECUTORS

__all__ = ["Outcome", "coverage_page", "outcomes"]

_UNSUITED: dict[str, str] = {}  # by the beginning of the name
_SHAPE_CODE = "N403"
_INTRO = """\
# Coverage of ONNX's node tests

Written by `pytest --update-golden tests/formats/onnx/test_node_suite.py`; the test compares. These are the backend
tests of kind "node" that ship with onnx {version}: small models, mostly of one operator, with inputs and answers.
Their weights are inputs of the graph; here what is no float32 is a constant. A test passes if the imported graph in
LiteRT answers as the test wants, with all float32 inputs fed, or with only the first one fed and the others
constant. Operators that are functions come twice, as themselves and expanded. Infinity counts as the largest float.

| tests | |
|---|---|
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a test: it passed with so many of its inputs fed, or `place` (an operator) says why not.

    `is_wrong` where the answers differ, which no test may.
    """

    name: str
    fed: int = 0
    place: str = ""
    reason: str = ""
    is_refused: bool = True
    is_wrong: bool = False


def outcomes() -> Iterator[Outcome]:
    """Yield what becomes of every test, in the order of their names."""
    from onnx.backend.test.loader import load_model_tests

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        cases = load_model_tests(kind="node")
    for case in sorted(cases, key=lambda item: item.name):
        yield _not_run(case) or _run(case)


def _not_run(case: Any) -> Outcome | None:
    """Return why a test cannot be run, None where it can."""
    for start, reason in _UNSUITED.items():
        if case.name.startswith(start):
            return Outcome(case.name, reason=reason, is_refused=False)
    if case.model is None or not case.data_sets:
        return Outcome(case.name, reason="it comes without a model or data", is_refused=False)
    for node in case.model.graph.node:
        row = ONNX_OPS.get(node.op_type, Refusal("redsc does not know this operator"))
        if isinstance(row, Refusal):
            return Outcome(case.name, place=node.op_type, reason=row.reason)
    inputs = _inputs(case)
    if not all(isinstance(array, np.ndarray) and array.size for array in inputs.values()):
        return Outcome(case.name, reason="an input is empty, or no tensor", is_refused=False)
    if not any(_is_float(array) for array in inputs.values()):
        return Outcome(case.name, reason="no input is a float32 tensor", is_refused=False)
    return None


def _run(case: Any) -> Outcome:
    """Return what becomes of a test: it passes where either way does, and must be right where it is not refused."""
    inputs = _inputs(case)
    data = [name for name, array in inputs.items() if _is_float(array)]
    found = [_outcome(case, inputs, kept) for kept in dict.fromkeys((tuple(data), tuple(data[:1])))]
    return next((item for item in found if item.is_wrong), None) or max(reversed(found), key=lambda item: item.fed)


def _outcome(case: Any, inputs: dict[str, Array], kept: tuple[str, ...]) -> Outcome:
    try:
        found = read_onnx(_with_constants(case.model, inputs, kept))
    except UnsupportedError as error:
        return Outcome(case.name, 0, *_place_and_reason(error))
    except MalformedModel as error:  # what onnx's own inference stops at, and constants that are no numbers
        words = " ".join((error.diagnostic.message, *error.diagnostic.evidence)).split()
        return Outcome(case.name, 0, reason=" ".join(words))
    problem = _difference(case, found, {name: inputs[name] for name in kept})
    return Outcome(case.name, len(kept), reason=problem, is_wrong=bool(problem))


def _inputs(case: Any) -> dict[str, Any]:
    return dict(zip([item.name for item in case.model.graph.input], case.data_sets[0][0], strict=False))


def _is_float(array: Any) -> bool:
    return isinstance(array, np.ndarray) and array.dtype == np.float32 and array.size > 0 and array.ndim > 0


def _with_constants(proto: Any, inputs: dict[str, Array], kept: tuple[str, ...]) -> bytes:
    model = onnx.ModelProto.FromString(proto.SerializeToString())
    rest = [onnx.ValueInfoProto.FromString(i.SerializeToString()) for i in model.graph.input if i.name in kept]
    del model.graph.input[:]
    model.graph.input.extend(rest)
    constants = [(name, array) for name, array in inputs.items() if name not in kept]
    model.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in constants)
    return bytes(model.SerializeToString())


def _place_and_reason(error: UnsupportedError) -> tuple[str, str]:
    """Return the operator of the first problem, if it is one, and the problem."""
    if error.diagnostic.code == _SHAPE_CODE:
        return "", "a tensor is empty, or its shape is not static"
    first = error.diagnostic.evidence[0]
    found = re.fullmatch(r"at (\w*) ?'.*?': (.*)", first)
    return (found[1], found[2]) if found else ("", first)


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
        left, right = (np.nan_to_num(array.astype(np.float32)) for array in (got, wanted))
        if not np.allclose(left, right, **tolerances):
            return "the numbers differ"
    return ""


def coverage_page(found: Iterable[Outcome]) -> str:
    """Return the page of the documentation, in Markdown."""
    return "\n".join(_page(list(found)))


def _page(found: list[Outcome]) -> Iterator[str]:
    passed = [item for item in found if item.fed]
    refused = [item for item in found if not item.fed and item.is_refused]
    unsuited = [item for item in found if not item.fed and not item.is_refused]
    yield _INTRO.format(version=".".join(onnx.__version__.split(".")[:2])) + (
        f"| {len(passed)} | pass |\n| {len(refused)} | are refused, with a reason |\n"
        f"| {len(unsuited)} | are not for redsc, which takes float32 in |\n| {len(found)} | all |\n"
    )
    yield "## Refused\n"
    yield from _table(refused)
    yield "\n## Not run\n"
    yield from _table(unsuited)
    yield "\n## Passed\n"
    yield f"{', '.join(_short(item) for item in passed)}.\n"


def _table(items: list[Outcome]) -> Iterator[str]:
    """Yield a row per operator and reason, those of most tests first."""
    groups: dict[tuple[str, str], list[str]] = {}
    for item in items:
        groups.setdefault((item.place, item.reason), []).append(_short(item))
    yield "| operator | why | tests | |"
    yield "|---|---|---|---|"
    for (place, reason), names in sorted(groups.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        yield f"| {place} | {reason} | {len(names)} | {', '.join(names)} |"


def _short(item: Outcome) -> str:
    return item.name.removeprefix("test_")
