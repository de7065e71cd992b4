"""How long one inference takes on a target and what energy: estimated, by one table per core and kernel library.

For ranking levels of one network, not for promises: latency is linear in MACs only on average (MicroNets, MLSys
2021), and the cycles belong to core and library together. One core differs by 2.3 between libraries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod

from redsc.budgets import Budgets
from redsc.choices import Kernels
from redsc.cost.latency.shape import layer_shape
from redsc.errors import UsageError, did_you_mean
from redsc.ir import ENGINE_OPS, OPS, Graph, Node, op_def
from redsc.targets import CostTable, Evidence, Rates, Target, tables_of

__all__ = ["OTHER", "WORK", "LatencyBound", "LatencyTable", "find_latency_table", "library_of", "work_of"]

OTHER = "other"  # the row for ops that have none of their own
_FEMTOJOULES = 10**9  # of a microjoule


@dataclass(frozen=True, slots=True)
class LatencyTable:
    """What nodes cost on one target with one kernel library.

    All that selectors and reports ask is what a node takes: `millicycles(node)`.
    """

    target: Target
    costs: CostTable

    @property
    def name(self) -> str:
        """The target, with the library where it is not the target's own."""
        own = self.costs.library == self.target.library
        return self.target.name if own else f"{self.target.name} with {self.costs.library}"

    @property
    def evidence(self) -> str:
        """How good an estimate of time is, in words."""
        return self._words(self.costs.error_percent)

    @property
    def energy_evidence(self) -> str:
        """How good an estimate of energy is, in words."""
        return self._words(self.costs.energy_error_percent)

    def _words(self, error_percent: float | None) -> str:
        where = self.costs.board
        error = ", interpolated" if self.costs.layers else ""
        error += "" if error_percent is None else f", ±{error_percent:g} %"
        elsewhere = f" on {where}" if where and where != self.target.name else ""
        return f"{_WORDS[self.costs.evidence]}{error}{elsewhere}"

    @property
    def knows_energy(self) -> bool:
        """Whether energy was measured on this very board: another one has other supplies and voltages."""
        return self.costs.femtojoules is not None and self.costs.board == self.target.name

    def millicycles(self, node: Node) -> int:
        """Return the thousandths of a cycle that a node takes: measured and interpolated, else by rates."""
        measured = self.measured(node)
        return _sum(self.costs.millicycles, node) if measured is None else measured

    def measured(self, node: Node) -> int | None:
        """Return what a node takes by the layers that were measured, None where they say nothing of it."""
        shape = layer_shape(node) if self.costs.layers else None
        grid = self.costs.layers.get(shape[0]) if shape else None
        return grid.at(shape[1]) if grid and shape else None

    def basis(self, graph: Graph) -> str:
        """Say what the time of a graph is from: layers that were measured, rates, or which part of it is which."""
        whole = sum(map(self.millicycles, graph.nodes))
        rated = sum(self.millicycles(node) for node in graph.nodes if self.measured(node) is None)
        if not self.costs.layers or rated == whole:
            return "estimated"
        return "measured, interpolated" + (f", {100 * rated / whole:.1f} % estimated" if rated else "")

    def microseconds(self, graph: Graph) -> int:
        """Return the microseconds of one inference, rounded up."""
        return -(-sum(map(self.millicycles, graph.nodes)) // (1000 * self.target.megahertz))

    def microjoules(self, graph: Graph) -> int | None:
        """Return the microjoules of one inference, rounded up; None where nobody measured them."""
        rates = self.costs.femtojoules
        if rates is None or not self.knows_energy:
            return None
        return -(-sum(_sum(rates, node) for node in graph.nodes) // _FEMTOJOULES)


_WORDS = {
    Evidence.MEASURED: "measured",
    Evidence.PUBLISHED: "estimated",
    Evidence.MODELLED: "modelled from instruction counts",
    Evidence.UNMEASURED: "a guess, unmeasured",
}


@dataclass(frozen=True, slots=True)
class LatencyBound:
    """What one inference of the largest level may take, in microseconds, and by which table it is counted."""

    microseconds: int
    table: LatencyTable

    @property
    def millicycles(self) -> int:
        """The bound in thousandths of a cycle."""
        return self.microseconds * 1000 * self.table.target.megahertz


def library_of(budgets: Budgets) -> str:
    """Return the kernel library of the firmware: the target's where the kernels may be any of TFLM's."""
    if budgets.kernels is Kernels.SAFE and budgets.target is not None:
        return budgets.target.library
    return str(budgets.kernels.value)


def find_latency_table(budgets: Budgets) -> LatencyTable | None:
    """Return the table for a target and its kernels, None where there is none.

    Raises:
        UsageError: a table names an op that there is not.
    """
    target, library = budgets.target, library_of(budgets)
    if target is None:
        return None
    for costs in tables_of(target):
        if costs.library == library:
            _check_ops(costs)
            return LatencyTable(target, costs)
    return None


def _check_ops(costs: CostTable) -> None:
    for rates in (costs.millicycles, costs.femtojoules or {}):
        for op in rates:
            if op not in OPS and op not in ENGINE_OPS and op != OTHER:
                message = f"the table of {costs.core} with {costs.library} names {op!r}, which is no operator"
                raise UsageError(message, code="U231", hint=did_you_mean(op, OPS))


def work_of(node: Node) -> dict[str, int]:
    """Return how much there is to do in a node, of every kind."""
    return {kind: count(node) for kind, count in WORK.items()}


def _sum(rates: Rates, node: Node) -> int:
    row = rates.get(node.op, rates.get(OTHER, {}))
    return sum(rate * WORK[kind](node) for kind, rate in row.items())


def _macs(node: Node) -> int:
    return op_def(node.op).macs(node)


def _results(node: Node) -> int:
    return sum(value.type.elements for value in node.outputs)


def _operands(node: Node) -> int:
    return next((value.type.elements for value in node.present_inputs()), 0)


def _channels(node: Node) -> int:
    return prod(node.outputs[0].type.shape[-1:]) if node.outputs else 0


def _windows(node: Node) -> int:
    return _macs(node) // max(_channels(node), 1)


WORK: Mapping[str, Callable[[Node], int]] = {
    "macs": _macs,
    "results": _results,
    "windows": _windows,
    "operands": _operands,
    "channels": _channels,
    "calls": lambda _node: 1,
}
"""How much of each kind there is in a node: MACs, elements of its results, elements of the windows that a
convolution gathers (MACs by channels of the result), elements of its first operand, channels of its result, one."""
