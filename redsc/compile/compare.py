"""Several selectors on one model: what they have in common is done once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from redsc.budgets import Budgets
from redsc.compile.choice import Choice, choose, with_weights
from redsc.compile.levels import within_budgets
from redsc.compile.measure import measure_quality
from redsc.compile.prepare import Prepared, prepare
from redsc.cost.macs import graph_macs
from redsc.cost.memory import resident_bytes
from redsc.errors import BudgetError
from redsc.options import Options
from redsc.passes.base import Log
from redsc.passes.flash import levels_flash
from redsc.passes.levels import DEFAULT_LEVELS
from redsc.progress import Progress, silent
from redsc.report.comparison import ComparedLevel, Comparison, Side
from redsc.runtime.evaluate.quality import Quality
from redsc.runtime.threads import one_thread

__all__ = ["compare_selectors"]


def compare_selectors(
    path: Path | str, options: Options, selectors: Sequence[str], progress: Progress = silent
) -> Comparison:
    """Return what each selector makes of a model file, on the same data and losses, with the same recovery.

    The model is read and quantised once, and what cuts cost is measured once. A selector that finds no levels in
    the budgets has its error instead.

    Raises:
        RedscError: of the class that says what is wrong; a budget that none of them keeps is that of the first.
    """
    options = replace(options, levels=options.levels or DEFAULT_LEVELS)
    with one_thread():
        prepared = prepare(path, options, progress)
        sides, errors = list[Side](), list[BudgetError]()
        for name in selectors:
            try:
                sides.append(_side(prepared, replace(options, selector=name), progress))
            except BudgetError as error:
                sides.append(Side(name, error=error.diagnostic))
                errors.append(error)
    if len(errors) == len(sides):
        raise errors[0]
    return Comparison(Path(path).name, tuple(sides))


def _side(prepared: Prepared, options: Options, progress: Progress) -> Side:
    """Return what one selector makes of a prepared model.

    Raises:
        BudgetError: nothing that keeps the budgets.
    """
    seconds = 0.0

    def timed(budgets: Budgets) -> Choice:
        nonlocal seconds
        started = time.process_time()
        try:
            return choose(prepared, replace(options, budgets=budgets))
        finally:
            seconds += time.process_time() - started

    choice = within_budgets(timed, lambda found: with_weights(found, options, progress, Log()), options.budgets)
    choice, quality, _ = measure_quality(choice, options, progress)
    levels, memory = choice.levels, [network.memory for network in choice.levels.networks]
    return Side(
        selector=options.selector,
        status=levels.solver.status,
        objective=levels.solver.objective,
        macs=levels.networks[0].macs,
        ram_bytes=resident_bytes(memory, options.budgets.resident),
        flash_bytes=levels_flash(levels.slots, memory, options.budgets.kernels),
        seconds=round(seconds, 3),
        levels=_levels(choice, quality, graph_macs(prepared.network)),
    )


def _levels(choice: Choice, quality: Sequence[Quality | None], full_macs: int) -> tuple[ComparedLevel, ...]:
    rows = zip(choice.levels.names, choice.levels.networks, quality, strict=True)
    return tuple(
        ComparedLevel(name, network.macs, round(network.macs / full_macs, 6), network.memory.arena_bytes, measured)
        for name, network, measured in rows
    )
