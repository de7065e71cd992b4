"""From the networks of levels to the slots of one container, and what these take of RAM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from redsc.budgets import Budgets
from redsc.cost.memory import measure_memory
from redsc.passes.select.problem import Candidate
from redsc.passes.slice.strided import slot_graphs

__all__ = ["ship"]


def ship(networks: Sequence[Candidate], budgets: Budgets) -> tuple[Candidate, ...]:
    """Return networks, the largest first, as slots beside each other, their arenas planned with all effort."""
    slots = slot_graphs([network.graph for network in networks], budgets.slots)
    return tuple(
        replace(network, shipped=slot, memory=measure_memory(slot, budgets.kernels))
        for network, slot in zip(networks, slots, strict=True)
    )
