"""LiteRT's plain kernels, which judge the files of all tools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["load"]


def load(model: Path) -> Any:
    """Return LiteRT's interpreter of a file, ready to run.

    Raises:
        RuntimeError, ValueError: LiteRT does not take it.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_content=model.read_bytes(), experimental_op_resolver_type=plain)
    interpreter.allocate_tensors()
    return interpreter
