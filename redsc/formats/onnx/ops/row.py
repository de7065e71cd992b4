"""A row of `ONNX_OPS`: how one ONNX op becomes TFLite ops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from redsc.formats.onnx.context import OnnxContext
from redsc.formats.onnx.layout import Kind, Layout
from redsc.formats.onnx.nodes import OnnxNode

__all__ = ["Handler", "OnnxOp", "Rows"]

Handler = Callable[[OnnxContext, OnnxNode], object]
"""Adds nodes and binds the outputs, or raises `CannotTranslate` with the reason."""


@dataclass(frozen=True, slots=True)
class OnnxOp:
    """The handler, what the op means for layouts, and for a RELAYOUT op the output layout that moves nothing."""

    handler: Handler
    kind: Kind = Kind.FREE
    natural: Callable[[OnnxContext, OnnxNode], Layout] | None = None
    is_microsoft: bool = False


Rows = dict[str, OnnxOp]
