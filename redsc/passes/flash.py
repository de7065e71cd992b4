"""What levels take in flash: as a container with the kernels that it needs, or as programs of the C engine."""

from __future__ import annotations

from collections.abc import Sequence

from redsc.choices import Kernels
from redsc.cost.flash import flash_bytes
from redsc.cost.memory import NetworkMemory
from redsc.engine.size import engine_size
from redsc.ir import Graph

__all__ = ["levels_flash"]


def levels_flash(slots: Sequence[Graph], memory: Sequence[NetworkMemory], kernels: Kernels) -> int:
    """Return the bytes of levels, the largest first, as they are shipped.

    Raises:
        CannotTranslate: the C engine has no kernel for a node.
    """
    return engine_size(slots, kernels).total if kernels.are_ours else flash_bytes(slots, memory)
