"""From a model file to levels that keep the budgets, with the weights that they are shipped with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from redsc.budgets import Budgets
from redsc.compile.choice import Choice, choose, with_weights
from redsc.compile.prepare import prepare
from redsc.cost.memory import resident_bytes
from redsc.errors import BudgetError
from redsc.options import Options
from redsc.passes.base import Log
from redsc.passes.flash import levels_flash
from redsc.passes.levels import Levels
from redsc.progress import Progress, silent
from redsc.runtime.threads import one_thread

__all__ = ["plan_levels", "within_budgets"]

_MOST_ROUNDS = 4
_WORDS = {"ram_bytes": "RAM", "flash_bytes": "flash"}


def plan_levels(path: Path | str, options: Options, progress: Progress = silent, log: Log | None = None) -> Choice:
    """Return the levels of a model file.

    1. A float model with data becomes int8, unless the options forbid it.
    2. With data, what cuts cost is measured on the float form of the network, and levels are recovered there; then
       every level becomes int8, over the integers that all share. An int8 model is dequantised for it.
    3. Without data levels are plain slices, and so are those of a network that keeps state.
    4. What the C engine has no kernel for is refused before an order or levels are looked for.

    The same inputs give the same bits, on any number of cores.

    Raises:
        RedscError: of the class that says what is wrong: usage, model, unsupported, budget.
    """
    log = log or Log()
    with one_thread():
        prepared = prepare(path, options, progress, log)
        return within_budgets(
            lambda budgets: choose(prepared, replace(options, budgets=budgets)),
            lambda choice: with_weights(choice, options, progress, log),
            options.budgets,
        )


def within_budgets(
    choose_in: Callable[[Budgets], Choice], recover: Callable[[Choice], Choice], budgets: Budgets
) -> Choice:
    """Return recovered levels that keep the budgets: others are chosen in what recovery leaves of them.

    Recovery gives levels numbers of their own: biases, scales and whole layers.

    Args:
        choose_in: returns levels within budgets.
        recover: returns them with their weights.
        budgets: what both keep.

    Raises:
        BudgetError: no levels keep them.
    """
    left, excess = budgets, dict[str, int]()
    for _ in range(_MOST_ROUNDS):
        try:
            chosen = choose_in(left)
        except BudgetError:
            if not excess:
                raise
            break
        found = recover(chosen)
        taken = _taken(found.levels, budgets)
        excess = {name: nbytes - getattr(budgets, name) for name, nbytes in taken.items()}
        excess = {name: nbytes for name, nbytes in excess.items() if nbytes > 0}
        if not excess:
            return found
        if chosen.levels.selector == "plan":
            break
        before = _taken(chosen.levels, budgets)
        lowered: dict[str, Any] = {name: before[name] - nbytes for name, nbytes in excess.items()}
        left = replace(left, **lowered)
    needs = " and ".join(
        f"{taken[name]:,} B of {_WORDS[name]}, the budget is {getattr(budgets, name):,} B" for name in excess
    )
    hint = "--recover off gives levels no numbers of their own; with fewer --levels there is more for each"
    raise BudgetError(f"recovered levels need {needs}", code="R506", hint=hint)


def _taken(levels: Levels, budgets: Budgets) -> dict[str, int]:
    """Return what levels take of each of the two that is bounded, by the names of the budgets."""
    memory, taken = [network.memory for network in levels.networks], dict[str, int]()
    if budgets.ram_bytes is not None:
        taken["ram_bytes"] = resident_bytes(memory, budgets.resident)
    if budgets.flash_bytes is not None:
        taken["flash_bytes"] = levels_flash(levels.slots, memory, budgets.kernels)
    return taken
