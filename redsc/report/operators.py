"""The supported operators, straight from the tables: for the terminal, and as a page of the documentation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from redsc.engine.linear.rows import LINEAR
from redsc.engine.rows import ENGINE
from redsc.formats.onnx.ops.row import OnnxOp
from redsc.formats.onnx.ops.table import ONNX_OPS
from redsc.formats.tables import Refusal
from redsc.formats.tflite.ops import TFLITE_OPS
from redsc.ir.ops import OpDef
from redsc.ir.registry import FAMILIES, FRONT_END_OPS
from redsc.ir.rules import (
    Barrier,
    Contracts,
    Fixed,
    Multiplies,
    Normalizes,
    RawIntegers,
    SameInputScales,
    SameScale,
)
from redsc.ir.types import DType
from redsc.report.text import print_table

__all__ = ["operators_page", "print_operators"]

Rows = list[tuple[str, ...]]
_HEADER = ("operator", "C engine", "element types", "int8 scales", "channels")
_NARROW = 4  # the columns that fit a terminal
_INTRO = """\
# Operators

Written by `redsc ops --markdown` from the tables that do the work; a test compares. What a row says about element
types holds in LiteRT's reference kernels and in tflite-micro alike. An operator is translated when its row has a
handler; single nodes may still be refused, with their name and the reason, where the kernel takes less. "C engine"
says whether `--backend c` has kernels: of the element types for int8 and float32, for all of QUANTIZE, DEQUANTIZE
and SOFTMAX, and where elements are only moved or chosen. Functions that int8 has by table only, as EXP and what
Softplus and Mish are made of, are CAST, ADD and GATHER in files: the engine runs the three as one.
"""
_FOLDED = "computed when the model is read: its operands must be constants or static shapes"
_FRONT_END = "tflite-micro's audio front end, passed through: only tflite-micro runs it"
_FAMILIES = {**FAMILIES, _FRONT_END: tuple(FRONT_END_OPS.values())}
_ABSORBED = "becomes the scales of int8 tensors"


def print_operators() -> None:
    """Print every operator of both formats: what it takes, or why it is not translated."""
    for family, ops in _FAMILIES.items():
        print(f"TFLite: {family}")
        print_table(_HEADER[:_NARROW], [_tflite_row(op)[:_NARROW] for op in ops])
        print()
    print_table(["ONNX operator", "state"], _onnx_rows())
    print()
    for name, table in _TABLES.items():
        rows = [(op, reason) for reason, ops in _refusals(table).items() for op in ops]
        print_table([f"{name}: not translated", "why"], rows)
        print()


def operators_page() -> str:
    """Return the page of the documentation, in Markdown."""
    return "\n".join(_page())


def _page() -> Iterator[str]:
    yield _INTRO
    yield "## ONNX\n"
    plain = [op for op, state in _onnx_rows() if state == "translated"]
    yield f"{len(plain)} operators are translated, in every version from opset 7 on: {', '.join(plain)}.\n"
    for state in (_ABSORBED, _FOLDED):
        names = [op for op, found in _onnx_rows() if found == state]
        yield f"{state[0].upper()}{state[1:]}: {', '.join(names)}.\n"
    yield "## TFLite\n"
    yield "Element types are those of the data and, where it differs, of the result."
    for family, ops in _FAMILIES.items():
        yield f"\n### {family[0].upper()}{family[1:]}\n"
        yield from _markdown(_HEADER, [_tflite_row(op) for op in ops])
    for name, table in _TABLES.items():
        yield f"\n## Not translated: {name}\n"
        yield from _markdown(("why", "operators"), [(why, ", ".join(ops)) for why, ops in _refusals(table).items()])
    yield ""


_TABLES: Mapping[str, Mapping[str, object]] = {"ONNX": ONNX_OPS, "TFLite": TFLITE_OPS}


def _markdown(header: tuple[str, ...], rows: Rows) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _tflite_row(op: OpDef) -> tuple[str, ...]:
    data = op.data[0] if op.data else 0
    has_int8 = any(row.inputs[data] is DType.INT8 for row in op.signatures)
    engine = "yes" if callable(ENGINE.get(op.name)) or op.name in LINEAR else "no"
    return op.name, engine, _types(op, data), _scales(op) if has_int8 else "", _channels(op)


def _types(op: OpDef, data: int) -> str:
    """Return the element types of the data, and those of the result where they differ."""
    results: dict[str, list[str]] = {}
    for row in op.signatures:
        found = results.setdefault(row.inputs[data].name.lower(), [])
        found += [name for name in [row.output.name.lower()] if name not in found]
    groups: dict[str, list[str]] = {}
    for source, targets in results.items():
        groups.setdefault("" if targets == [source] else f" to {'/'.join(targets)}", []).append(source)
    return ", ".join("/".join(sources) + targets for targets, sources in groups.items())


def _scales(op: OpDef) -> str:
    rule = op.quant
    if isinstance(rule, Fixed):
        return f"result {rule.scale:g}, zero point {rule.zero_point}"
    if isinstance(rule, SameScale):
        return "all equal"
    if isinstance(rule, RawIntegers):
        return "none: raw integers"
    return "operands equal" if isinstance(rule, SameInputScales) else "free"


def _channels(op: OpDef) -> str:
    if isinstance(op.channels, Contracts):
        unless = " unless it starts anew in every inference" if op.channels.recurrent else ""
        return f"those read can be cut, those made stay: {op.channels.reason}{unless}"
    if isinstance(op.channels, Normalizes):
        return f"those of the last axis kept: {op.channels.reason}"
    if isinstance(op.channels, Multiplies):
        return "whole matrices can be cut, as heads of attention; what is summed is kept"
    return f"kept: {op.channels.reason}" if isinstance(op.channels, Barrier) else "can be cut"


def _onnx_rows() -> Rows:
    """Return operator and state of every row that has a handler, by name."""
    folds = ONNX_OPS["Constant"]
    assert isinstance(folds, OnnxOp)
    return [(op, _onnx_state(row, folds)) for op, row in sorted(ONNX_OPS.items()) if isinstance(row, OnnxOp)]


def _onnx_state(row: OnnxOp, folds: OnnxOp) -> str:
    if row.handler is not folds.handler:
        return "translated"
    return _ABSORBED if row.is_microsoft else _FOLDED


def _refusals(table: Mapping[str, object]) -> dict[str, list[str]]:
    """Return the operators of every reason, both in alphabetical order."""
    found: dict[str, list[str]] = {}
    for op, row in sorted(table.items()):
        if isinstance(row, Refusal):
            found.setdefault(row.reason, []).append(op)
    return dict(sorted(found.items()))
