"""A firmware of two levels with made-up figures, put together without a compile."""

from __future__ import annotations

from redsc.budgets import Budgets
from redsc.codegen.describe import Firmware, FirmwarePort
from redsc.codegen.level import FirmwareLevel
from redsc.codegen.tflm_ops import resolver_methods
from redsc.cost.memory import measure_memory
from redsc.formats import write_models
from redsc.formats.model import Port
from redsc.ir import DType, Graph, state_reads
from redsc.passes.slice.slice import slice_channels
from redsc.passes.spaces.groups import find_channel_groups
from redsc.runtime.evaluate.quality import Quality
from tests.helpers import small_net


def firmware(symbol: str = "net", dtype: DType = DType.INT8, graph: Graph | None = None) -> Firmware:
    """Return level 100 and one with half of every space, of a small network or another one."""
    graph = small_net(dtype) if graph is None else graph
    groups = find_channel_groups(graph)
    graphs = [graph, slice_channels(graph, groups, {space.name: space.size // 2 for space in groups.free})]
    memory = [measure_memory(item) for item in graphs]
    source = Port("x", (1, 3, 8, 8), (0, 2, 3, 1))
    result = Port("logits", (1, 5), (0, 1))
    return Firmware(
        symbol=symbol,
        sha256="0" * 64,
        model=write_models(graphs, [item.offsets for item in memory]),
        levels=(
            FirmwareLevel("100", 0, 5000, memory[0], None),
            FirmwareLevel("37.5", 1, 1800, memory[1], Quality("accuracy", 0.9125, 1000, (0.8934, 0.9285))),
        ),
        ports=(
            FirmwarePort(symbol, "input", 0, graph.inputs[0], source),
            FirmwarePort(symbol, "output", 0, graph.outputs[0], result),
        ),
        ops=tuple(resolver_methods(graphs)),
        custom_ops=(),
        budgets=Budgets(),
        variables=len(state_reads(graph)),
    )
