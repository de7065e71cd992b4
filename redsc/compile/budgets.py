"""Levels are chosen before their weights are: what these add must fit too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from redsc.cost.flash import flash_bytes
from redsc.cost.memory import resident_bytes
from redsc.errors import BudgetError
from redsc.options import Budgets
from redsc.passes.levels import Levels

if TYPE_CHECKING:
    from redsc.compile.choice import Choice

__all__ = ["within_budgets"]

_MOST_ROUNDS = 4


def within_budgets(choose: Callable[[Budgets], Choice], budgets: Budgets) -> Choice:
    """Return a choice that keeps the budgets: they are lowered by what recovered levels take too much.

    Recovery gives levels numbers of their own, biases, scales and whole layers, which are counted here.

    Raises:
        BudgetError: no levels keep them.
    """
    lowered = budgets
    for _ in range(_MOST_ROUNDS):
        try:
            choice = choose(lowered)
        except BudgetError:
            if lowered is budgets:
                raise
            break
        excess = dict(_excess(choice.levels, budgets))
        if not excess:
            return choice
        if choice.levels.selector == "plan":
            break
        lowered = replace(lowered, **{name: getattr(lowered, name) - nbytes for name, nbytes in excess.items()})
    needs = " and ".join(
        f"{nbytes + getattr(budgets, name):,} B of {_WORDS[name]}, the budget is {getattr(budgets, name):,} B"
        for name, nbytes in excess.items()
    )
    hint = "--recover off gives levels no numbers of their own; with fewer --levels there is more for each"
    raise BudgetError(f"recovered levels need {needs}", code="R506", hint=hint)


def _excess(levels: Levels, budgets: Budgets) -> Iterator[tuple[str, int]]:
    """Yield the budgets that levels do not keep, with the bytes that are too many."""
    memory = [network.memory for network in levels.networks]
    ram = 0 if budgets.ram_bytes is None else resident_bytes(memory, budgets.resident) - budgets.ram_bytes
    flash = 0 if budgets.flash_bytes is None else flash_bytes(levels.slots, memory) - budgets.flash_bytes
    yield from ((name, nbytes) for name, nbytes in (("ram_bytes", ram), ("flash_bytes", flash)) if nbytes > 0)


_WORDS = {"ram_bytes": "RAM", "flash_bytes": "flash"}
