"""The order of the stages: model file -> levels -> container -> verified files. The only place that knows it."""

from redsc.compile.artefact import Artefact, compile_model
from redsc.compile.choice import Choice
from redsc.compile.compare import compare_selectors
from redsc.compile.explained import explain, explain_node
from redsc.compile.levels import plan_levels
from redsc.compile.prepare import read_as, read_model
from redsc.compile.verify import slice_level, verify_container

__all__ = [
    "Artefact",
    "Choice",
    "compare_selectors",
    "compile_model",
    "explain",
    "explain_node",
    "plan_levels",
    "read_as",
    "read_model",
    "slice_level",
    "verify_container",
]
