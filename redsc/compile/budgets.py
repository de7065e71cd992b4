"""Levels are chosen before their weights are: what these add must fit too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from redsc.budgets import Budgets
from redsc.cost.memory import resident_bytes
from redsc.errors import BudgetError
from redsc.passes.flash import levels_flash
from redsc.passes.levels import Levels

if TYPE_CHECKING:
    from redsc.compile.choice import Choice

__all__ = ["within_budgets"]

_MOST_ROUNDS = 4
_WORDS = {"ram_bytes": "RAM", "flash_bytes": "flash"}


def within_budgets(
    choose: Callable[[Budgets], Choice], recover: Callable[[Choice], Choice], budgets: Budgets
) -> Choice:
    """Return recovered levels that keep the budgets: others are chosen in what recovery leaves of them.

    Recovery gives levels numbers of their own: biases, scales and whole layers.

    Args:
        choose: returns levels within budgets.
        recover: returns them with their weights.
        budgets: what both keep.

    Raises:
        BudgetError: no levels keep them.
    """
    left, excess = budgets, dict[str, int]()
    for _ in range(_MOST_ROUNDS):
        try:
            chosen = choose(left)
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
