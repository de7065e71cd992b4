"""From levels to the graphs of a container's slots."""

from __future__ import annotations

from dataclasses import replace

from redsc.codegen.container import write_container
from redsc.cost.memory import measure_memory, resident_bytes
from redsc.errors import Diagnostic
from redsc.ir import Graph
from redsc.options import Options, Sharing
from redsc.passes.levels import Levels
from redsc.passes.strided import has_strided, share_strided

__all__ = ["container_sizes", "lay_out"]


def lay_out(levels: Levels, options: Options) -> tuple[Levels, list[Graph]]:
    """Return the graph of every slot, and the levels with the memory that those take.

    Where layers that share in place would take more RAM than there is, levels keep copies, with a note: TFLM's own
    kernels may let a result lie over its operand.
    """
    if options.sharing is Sharing.COPIES:
        return levels, levels.graphs
    slots, budgets = share_strided(levels.graphs), options.budgets
    networks = tuple(
        replace(network, memory=measure_memory(slot, budgets.kernels)) if has_strided(slot) else network
        for network, slot in zip(levels.networks, slots, strict=True)
    )
    needed = resident_bytes([network.memory for network in networks], budgets.resident)
    if budgets.ram_bytes is None or needed <= budgets.ram_bytes:
        return replace(levels, networks=networks), slots
    message = (
        f"levels keep copies: with shared weights they need {needed:,} B, the budget is {budgets.ram_bytes:,} B"
    )
    note = Diagnostic("L112", message, hint="--kernels safe plans alike for both")
    return replace(levels, diagnostics=(*levels.diagnostics, note)), levels.graphs


def container_sizes(levels: Levels) -> dict[str, int]:
    """Return the bytes of a container of these levels for every way of sharing; one level shares nothing."""
    memory = [network.memory for network in levels.networks]
    slots = {Sharing.COPIES: levels.graphs, Sharing.STRIDED: share_strided(levels.graphs)}
    return {sharing.value: len(write_container(graphs, memory)) for sharing, graphs in slots.items()}
