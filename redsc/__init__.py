"""Compile a neural network into nested sub-networks that share one weight array and the least RAM there is.

    >>> artefact = redsc.compile_model("model.tflite", redsc.Options(levels=("100", "50")))
    >>> redsc.write_files(pathlib.Path("out"), artefact.files)

Names are imported when they are first used: `import redsc` alone loads nothing heavy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from redsc.version import __version__

if TYPE_CHECKING:
    from redsc.budgets import Budgets
    from redsc.codegen.files import write_files
    from redsc.compile import Artefact, compile_model, read_model
    from redsc.errors import RedscError
    from redsc.options import Options
    from redsc.report.data import Report

__all__ = [
    "Artefact",
    "Budgets",
    "Options",
    "RedscError",
    "Report",
    "__version__",
    "compile_model",
    "read_model",
    "write_files",
]

_HOMES = {
    "Artefact": "redsc.compile",
    "Budgets": "redsc.budgets",
    "Options": "redsc.options",
    "RedscError": "redsc.errors",
    "Report": "redsc.report.data",
    "compile_model": "redsc.compile",
    "read_model": "redsc.compile",
    "write_files": "redsc.codegen.files",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'redsc' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
