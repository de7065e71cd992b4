"""How long one inference takes, estimated: cycles per MAC of each op, one table per core and kernel library.

For ranking levels of one network, not for promises: latency is linear in MACs only on average (MicroNets, MLSys
2021), and the cycles belong to core and library together. One core differs by 2.3 between libraries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from redsc.ir import Graph, Node, op_def

__all__ = ["LATENCY_TABLES", "LatencyBound", "LatencyTable", "latency_us", "node_millicycles"]

_ANY_OTHER = "CONV_2D"  # a transposed convolution and a product of matrices count as a convolution


@dataclass(frozen=True, slots=True)
class LatencyTable:
    """Thousandths of a cycle per MAC, by op; `measured` says whether on the user's own board."""

    name: str
    megahertz: int
    millicycles_per_mac: Mapping[str, int]
    source: str
    measured: bool = False


@dataclass(frozen=True, slots=True)
class LatencyBound:
    """What one inference of the largest level may take, in microseconds, and by which table it is counted."""

    microseconds: int
    table: LatencyTable


# Least squares over the four networks of MLPerf Tiny v1.1, overheads included (3.74, 4.51, 4.82 and 3.91 cycles per
# MAC): the fit is within 3.6 % of each.
_CORTEX_M4_CMSIS_NN = LatencyTable(
    name="cortex-m4-cmsis-nn",
    megahertz=120,
    millicycles_per_mac={"CONV_2D": 3_743, "DEPTHWISE_CONV_2D": 12_309, "FULLY_CONNECTED": 3_910},
    source="MLPerf Tiny v1.1, closed division: NUCLEO-L4R5ZI, microTVM with CMSIS-NN",
)

LATENCY_TABLES: Mapping[str, LatencyTable] = {table.name: table for table in (_CORTEX_M4_CMSIS_NN,)}


def latency_us(graph: Graph, table: LatencyTable) -> int:
    """Return the microseconds of one inference, rounded up."""
    millicycles = sum(node_millicycles(node, table) for node in graph.nodes)
    return -(-millicycles // (1000 * table.megahertz))


def node_millicycles(node: Node, table: LatencyTable) -> int:
    """Return the thousandths of a cycle that a node takes; an op without MACs takes none."""
    rates = table.millicycles_per_mac
    return rates.get(node.op, rates[_ANY_OTHER]) * op_def(node.op).macs(node)
