"""The working buffers of nodes: of TFLM's kernels, or of the C engine's."""

from __future__ import annotations

from redsc.choices import Kernels
from redsc.cost.engine import scratch_bytes
from redsc.cost.tflm.structs import ARM_32, Abi
from redsc.cost.tflm.tail import kernel_scratch_bytes
from redsc.ir import Node

__all__ = ["working_bytes"]


def working_bytes(node: Node, kernels: Kernels, abi: Abi = ARM_32) -> tuple[int, ...]:
    """Return the sizes of the working buffers of a node in bytes, without alignment."""
    if kernels.are_ours:
        return tuple(size for size in (scratch_bytes(node, kernels),) if size)
    return kernel_scratch_bytes(node, abi)
