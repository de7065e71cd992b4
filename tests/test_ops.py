from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import onnx
import pytest
import tflite

from redsc.codegen.tflm_ops import STATE_TFLM_OPS, TFLM_OPS
from redsc.formats.onnx.ops.row import OnnxOp
from redsc.formats.onnx.ops.table import ONNX_OPS
from redsc.formats.tables import Refusal
from redsc.formats.tflite.ops import TENSOR_TYPES, TFLITE_OPS, TFLiteOp
from redsc.formats.tflite.recurrent import RECURRENT
from redsc.formats.tflite.state import STATE_FILE_OPS
from redsc.ir import OPS, DType
from redsc.ir.rules import Along, Grouped, InPlace, Produces, Reduces, Slices, Splits, Transposes

BUILTINS = {name: number for name, number in vars(tflite.BuiltinOperator).items() if isinstance(number, int)}
ONNX_SCHEMAS = {schema.name for schema in onnx.defs.get_all_schemas_with_history() if schema.domain == ""}
REFUSALS = [
    (format, name, row.reason)
    for format, table in (("tflite", TFLITE_OPS), ("onnx", ONNX_OPS))
    for name, row in table.items()
    if isinstance(row, Refusal)
]


@pytest.mark.parametrize("name", OPS)
def test_every_op_can_be_written_to_tflite(name: str) -> None:
    assert OPS[name].name == name
    assert isinstance(TFLITE_OPS[name], TFLiteOp)


def test_tflite_micro_registers_every_op() -> None:
    assert list(TFLM_OPS) == list(OPS)


@pytest.mark.parametrize("name", OPS)
def test_the_tflite_row_stores_every_attribute(name: str) -> None:
    row = TFLITE_OPS[name]
    assert isinstance(row, TFLiteOp)
    attributes = {item.name for item in fields(OPS[name].attrs)}
    apart = {"variable"} if OPS[name].is_stateful else set()  # a VAR_HANDLE stores it
    if name in RECURRENT:
        apart = {*RECURRENT[name].scales, "starts_anew"} & attributes  # tensors have them, and a SPLIT of zeros
    assert {item.attr for item in row.fields} | apart == attributes


@pytest.mark.parametrize(("name", "row"), STATE_FILE_OPS.items())
def test_what_stands_around_variables_is_written_and_registered_but_in_no_graph(name: str, row: TFLiteOp) -> None:
    assert name not in OPS
    assert isinstance(TFLITE_OPS[name], Refusal)
    assert name in STATE_TFLM_OPS
    accessors = vars(getattr(tflite, row.options or ""))
    assert [item.schema for item in row.fields if item.schema not in accessors] == []


@pytest.mark.parametrize("name", OPS)
def test_the_tflite_row_uses_names_of_the_schema(name: str) -> None:
    row = TFLITE_OPS[name]
    assert isinstance(row, TFLiteOp)
    if row.options is None:
        assert row.fields == ()
        return
    assert hasattr(tflite.BuiltinOptions, row.options)
    accessors = vars(getattr(tflite, row.options))
    assert [
        schema for schema in (*(item.schema for item in row.fields), *row.zero) if schema not in accessors
    ] == []


@pytest.mark.parametrize("name", OPS)
def test_the_rules_of_an_op_name_operands_that_its_signatures_have(name: str) -> None:
    op = OPS[name]
    most = max(len(row.inputs) for row in op.signatures)
    assert 1 <= op.min_inputs <= most
    named: list[int | str | None] = [op.shape_operand, *(op.data or ())]
    match op.channels:
        case Produces() | Grouped():
            named += [op.channels.weight, *op.channels.followers]
        case Reduces() | Along():
            named += [op.channels.axes]
        case Splits():
            named += [op.channels.axis, op.channels.sizes]
        case Slices():
            named += [op.channels.begin, op.channels.end]
        case Transposes():
            named += [op.channels.perm]
    if isinstance(op.alias, InPlace):
        named += op.alias.inputs
    assert {item for item in named if isinstance(item, int)} <= set(range(most))
    assert {item for item in named if isinstance(item, str)} <= {item.name for item in fields(op.attrs)}


def test_translated_tflite_ops_are_known() -> None:
    translated = {name for name, row in TFLITE_OPS.items() if isinstance(row, TFLiteOp)}
    assert translated == set(OPS)


def test_every_operator_of_the_tflite_schema_has_a_row() -> None:
    assert sorted(set(BUILTINS) - set(TFLITE_OPS)) == []


def test_every_tflite_row_is_an_operator_of_the_schema() -> None:
    assert sorted(set(TFLITE_OPS) - set(BUILTINS)) == []


def test_every_operator_of_onnx_has_a_row() -> None:
    newest = {schema.name for schema in onnx.defs.get_all_schemas() if schema.domain == ""}
    assert sorted(newest - set(ONNX_OPS)) == []


def test_every_onnx_row_is_or_was_an_operator() -> None:
    foreign = {name for name, row in ONNX_OPS.items() if isinstance(row, OnnxOp) and row.is_microsoft}
    assert sorted(set(ONNX_OPS) - ONNX_SCHEMAS - foreign) == []


def test_element_types_have_the_numbers_of_the_tflite_schema() -> None:
    assert set(TENSOR_TYPES) == set(DType)
    assert {dtype: getattr(tflite.TensorType, dtype.name) for dtype in DType} == TENSOR_TYPES


@pytest.mark.parametrize(
    "item", [item for row in TFLITE_OPS.values() if isinstance(row, TFLiteOp) for item in row.fields]
)
def test_enum_fields_have_the_numbers_of_the_tflite_schema(item: Any) -> None:
    tables = {
        "Padding": tflite.Padding,
        "FusedActivationFunction": tflite.ActivationFunctionType,
        "Mode": tflite.MirrorPadMode,
        "OutputType": tflite.TensorType,
        "OutType": tflite.TensorType,
    }
    if item.codes is None:
        assert item.encode(3) == item.decode(3) == 3
        return
    numbers = {value: getattr(tables[item.schema], value.name) for value in item.codes}
    assert dict(item.codes) == numbers
    assert all(item.decode(item.encode(value)) is value for value in numbers)


def test_onnx_rows_are_handlers_or_refusals() -> None:
    assert all(isinstance(row, OnnxOp | Refusal) for row in ONNX_OPS.values())


@pytest.mark.parametrize("reason", sorted({reason for _, _, reason in REFUSALS}))
def test_a_refusal_is_a_sentence(reason: str) -> None:
    assert len(reason.split()) >= 4
    assert re.fullmatch(r"[a-z][^.]*[^. ]", reason)
