"""What the levels take in flash: their container, and the kernels that read shared weights in place."""

from __future__ import annotations

from collections.abc import Sequence

from redsc.cost.memory import NetworkMemory
from redsc.formats import write_models
from redsc.ir import CUSTOM_OPS, Graph

__all__ = ["KERNEL_BYTES", "flash_bytes", "kernel_bytes"]

KERNEL_BYTES = 7_342  # of code on a Cortex-M4, by arm-none-eabi-gcc 12.2 -Os; tests/firmware holds it to that


def flash_bytes(slots: Sequence[Graph], memory: Sequence[NetworkMemory]) -> int:
    """Return the bytes of a container with these slots and their arena plans, and of the kernels that they need."""
    return len(write_models(slots, [item.offsets for item in memory])) + kernel_bytes(slots)


def kernel_bytes(slots: Sequence[Graph]) -> int:
    """Return the bytes of redsc's own kernels, 0 where no slot needs them."""
    return KERNEL_BYTES if any(node.op in CUSTOM_OPS for slot in slots for node in slot.nodes) else 0
