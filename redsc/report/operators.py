"""The supported operators, straight from the tables."""

from __future__ import annotations

from redsc.formats.onnx.ops import ONNX_OPS
from redsc.formats.tables import Refusal
from redsc.formats.tflite.ops import TFLITE_OPS
from redsc.report.terminal import print_table

__all__ = ["print_operators"]


def print_operators() -> None:
    """Print every operator of both formats: translated, or why not."""
    for name, table in (("TFLite", TFLITE_OPS), ("ONNX", ONNX_OPS)):
        rows = [(op, row.reason if isinstance(row, Refusal) else "translated") for op, row in table.items()]
        rows.sort(key=lambda item: (item[1] != "translated", item[1], item[0]))
        print_table([f"{name} operator", "state"], rows)
        print()
