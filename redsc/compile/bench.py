"""From a model file to a bench: firmware that measures the layers which its levels can have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from redsc.budgets import Budgets
from redsc.codegen.bench import render_bench
from redsc.codegen.names import c_comment
from redsc.compile.bench_layers import BenchLayers, grid_layers, level_layers
from redsc.compile.levels import plan_levels
from redsc.compile.prepare import prepare
from redsc.cost.latency.bench_log import read_logs
from redsc.errors import UsageError
from redsc.options import Options
from redsc.progress import Progress, silent
from redsc.targets import Target

__all__ = ["Bench", "make_bench"]


@dataclass(frozen=True, slots=True)
class Bench:
    """Files by name, how many layers they measure, and how many logs have already."""

    files: Mapping[str, bytes]
    count: int
    known: int


def make_bench(
    path: Path | str,
    options: Options,
    widths: int = 5,
    logs: Sequence[Path] = (),
    progress: Progress = silent,
) -> Bench:
    """Return the bench of a model for the C engine.

    Args:
        path: the model file.
        options: as for a compile; with `levels` or `plan` only the layers of these are measured, else a grid.
        widths: of the grid, for each channel space.
        logs: what they have is not measured again.
        progress: is told what happens.

    Raises:
        RedscError: of the class that says what is wrong: usage, model, unsupported, budget.
    """
    target = _target(options.budgets)
    words, kernels = (c_comment(target.name), c_comment(target.core)), options.budgets.kernels
    log = read_logs(logs) if logs else None
    if log is not None and (found := (log.target, log.core, log.library)) != (*words, kernels.value):
        wanted = " ".join((*words, kernels.value))
        raise UsageError(f"the logs are of {' '.join(found)}, not of {wanted}", code="U233")
    layers = _layers(path, options, widths, progress)
    known = {layer.key for layer in log.runs} if log else set()
    left = len(layers.keys() - known)
    if not left:
        hint = "redsc measure --read LOG makes the table"
        raise UsageError("there is nothing left to measure", code="U233", hint=hint)
    progress("writing the bench")
    files = render_bench(layers, kernels, *words, known)
    return Bench(files, left, len(layers) - left)


def _target(budgets: Budgets) -> Target:
    if budgets.target is None or not budgets.kernels.are_ours:
        hint = "write --target NAME with --backend c; `redsc targets` lists them"
        raise UsageError("a bench is for the C engine on a target", code="U233", hint=hint)
    return budgets.target


def _layers(path: Path | str, options: Options, widths: int, progress: Progress) -> BenchLayers:
    """Return the layers of the levels that are asked for, else those that any level can have."""
    if options.levels or options.plan:
        return level_layers(plan_levels(path, options, progress).levels.graphs, options.budgets.kernels)
    problem = prepare(path, options, progress).problem
    assert problem is not None  # there is one where no plan is given
    return grid_layers(problem, widths)
