"""Compile a neural network into nested sub-networks that share one weight array and the least RAM there is.

    >>> options = redsc.Options.parse(levels="100,50", ram="64KiB")
    >>> artefact = redsc.compile_model("model.tflite", options)
    >>> redsc.write_files(pathlib.Path("out"), artefact.files)

Every command is a function, and every flag a keyword of `Options.parse` or of that function (docs/python.md). Names
are imported when they are first used: `import redsc` alone loads nothing heavy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from redsc.version import __version__

if TYPE_CHECKING:
    from redsc.budgets import Budgets
    from redsc.codegen.depfile import input_files, write_depfile
    from redsc.codegen.files import compare_files, write_files
    from redsc.compile import (
        Artefact,
        compare_selectors,
        compile_model,
        explain,
        explain_node,
        plan_levels,
        read_model,
        slice_level,
        verify_container,
    )
    from redsc.compile.bench import make_bench
    from redsc.cost.latency.bench_log import read_logs, table_text
    from redsc.errors import RedscError
    from redsc.options import Options
    from redsc.report.analysis import analyze_model
    from redsc.report.data import Report
    from redsc.report.explanation import Explanation
    from redsc.report.html import render_analysis, render_report, render_sweep
    from redsc.report.installation import find_installation
    from redsc.report.operators import operators_page
    from redsc.report.overlay import render_overlays
    from redsc.sweep import grid, parse_ram, run_sweep
    from redsc.targets import builtin_targets, find_target

__all__ = [
    "Artefact",
    "Budgets",
    "Explanation",
    "Options",
    "RedscError",
    "Report",
    "__version__",
    "analyze_model",
    "builtin_targets",
    "compare_files",
    "compare_selectors",
    "compile_model",
    "explain",
    "explain_node",
    "find_installation",
    "find_target",
    "grid",
    "input_files",
    "make_bench",
    "operators_page",
    "parse_ram",
    "plan_levels",
    "read_logs",
    "read_model",
    "render_analysis",
    "render_overlays",
    "render_report",
    "render_sweep",
    "run_sweep",
    "slice_level",
    "table_text",
    "verify_container",
    "write_depfile",
    "write_files",
]

_NAMES = {  # by the module that each is from
    "redsc.budgets": ("Budgets",),
    "redsc.codegen.depfile": ("input_files", "write_depfile"),
    "redsc.codegen.files": ("compare_files", "write_files"),
    "redsc.compile": (
        "Artefact",
        "compare_selectors",
        "compile_model",
        "explain",
        "explain_node",
        "plan_levels",
        "read_model",
        "slice_level",
        "verify_container",
    ),
    "redsc.compile.bench": ("make_bench",),
    "redsc.cost.latency.bench_log": ("read_logs", "table_text"),
    "redsc.errors": ("RedscError",),
    "redsc.options": ("Options",),
    "redsc.report.analysis": ("analyze_model",),
    "redsc.report.data": ("Report",),
    "redsc.report.explanation": ("Explanation",),
    "redsc.report.html": ("render_analysis", "render_report", "render_sweep"),
    "redsc.report.installation": ("find_installation",),
    "redsc.report.operators": ("operators_page",),
    "redsc.report.overlay": ("render_overlays",),
    "redsc.sweep": ("grid", "parse_ram", "run_sweep"),
    "redsc.targets": ("builtin_targets", "find_target"),
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'redsc' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
