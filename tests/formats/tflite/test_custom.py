"""Custom ops of others: why they are refused."""

from __future__ import annotations

import importlib
from typing import Any

import flatbuffers
import pytest
import tflite

from redsc.formats.tflite.custom import custom_refusal

MOST = 40


def code(name: str) -> Any:
    builder = flatbuffers.Builder(0)
    text = builder.CreateString(name)
    module = importlib.import_module("tflite.OperatorCode")
    module.Start(builder)
    module.AddCustomCode(builder, text)
    builder.Finish(module.End(builder))
    return tflite.OperatorCode.GetRootAs(bytes(builder.Output()), 0)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("SignalUnheardOf", "'SignalUnheardOf' is a custom op without a public definition"),
        ("Convolution2DTransposeBias", "'Convolution2DTransposeBias' is a custom op without a public definition"),
        ("", "'' is a custom op without a public definition"),
        ("a\x1b[31m" + "b" * 99, "'a\\x1b[31m" + "b" * (MOST - 6) + "' is a custom op"),
    ],
)
def test_a_custom_op_is_refused_by_its_name(name: str, reason: str) -> None:
    assert custom_refusal(code(name), MOST).startswith(reason)
