"""What one network needs in RAM under TFLM: planned head, TFLM's own head, tail and planning temporaries.

The numbers are kept apart: a head is shared by all levels, tails add up, temporaries exist while planning only. In
the C engine the head is all: its tail are the variables of networks that keep state.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from redsc.choices import Kernels, Resident
from redsc.cost.arena import ArenaProblem, Effort, Overlap, View, lower_bound_bytes, plan_arena
from redsc.cost.buffer import Buffer, aligned
from redsc.cost.engine import WORD_BYTES, runs_in_place, scratch_bytes
from redsc.cost.liveness import LiveRange, live_ranges, peak_working_set
from redsc.cost.overlap import find_overlaps
from redsc.cost.tflm.head import greedy_offsets, height_bytes
from redsc.cost.tflm.planning import tail_and_planning_bytes
from redsc.cost.tflm.structs import ARM_32, ARM_32_CMSIS_NN, Abi
from redsc.cost.tflm.tail import state_bytes
from redsc.cost.views import find_views
from redsc.cost.working import working_bytes
from redsc.ir import Graph, Value, lasting_states, state_reads

__all__ = [
    "NetworkMemory",
    "arena_bytes",
    "arena_problem",
    "head_bytes",
    "measure_memory",
    "placed_buffers",
    "planned_head_bytes",
    "ram_buffers",
    "resident_all_bytes",
    "resident_bytes",
    "resident_one_bytes",
]


_ABIS = {Kernels.SAFE: ARM_32, Kernels.REFERENCE: ARM_32, Kernels.CMSIS_NN: ARM_32_CMSIS_NN}


@dataclass(frozen=True, slots=True)
class NetworkMemory:
    """All in bytes. `offsets` (per value in RAM) is empty where TFLM's own plan is as low as ours.

    live_peak: the plain live sum (Liberis & Lane), without alignment and scratch.
    packing_bound: what must be live at once, aligned and with scratch, if nothing shares bytes.
    lower_bound <= head <= greedy_head: what no plan for these kernels can be below; the head under `offsets`; the
    head that TFLM would plan alone. Views and overlaps may bring the first two below the packing bound.
    state: what of the tail networks with the same variables have in common, at least.
    scratch: offsets of working buffers in the C engine, by the name of their node's first output.
    """

    live_peak_bytes: int
    packing_bound_bytes: int
    lower_bound_bytes: int
    head_bytes: int
    greedy_head_bytes: int
    tail_bytes: int
    planning_bytes: int
    offsets: Mapping[str, int]
    state_bytes: int = 0
    scratch: Mapping[str, int] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """`optimal` where the head is proven least for this schedule, else `gap`."""
        return "optimal" if self.head_bytes == self.lower_bound_bytes else "gap"

    @property
    def temporary_bytes(self) -> int:
        """Planning temporaries that do not fit into the head, which is still free at that time."""
        return max(0, self.planning_bytes - self.head_bytes)

    @property
    def arena_bytes(self) -> int:
        """The arena with which this network alone loads and runs."""
        return max(self.head_bytes, self.planning_bytes) + self.tail_bytes


def measure_memory(
    graph: Graph,
    kernels: Kernels = Kernels.SAFE,
    abi: Abi | None = None,
    effort: Effort = Effort.FULL,
    apart: Collection[str] = (),
) -> NetworkMemory:
    """Plan the arena of a graph, in its given order, and add up what TFLM allocates around it.

    Args:
        graph: a network whose nodes are in the order in which they run.
        kernels: what may lie over what.
        abi: how TFLM is built; that of the kernels on a 32-bit Arm where it is not given.
        effort: how long to look for a plan.
        apart: names of results that lie over no operand, whatever the kernels may do; in the C engine only.
    """
    if kernels.are_ours:
        return _measure_engine(graph, kernels, effort, apart)
    abi = abi or _ABIS[kernels]
    problem, values = arena_problem(graph, kernels, abi), graph.activations()
    plan = plan_arena(problem, effort)
    offsets = {value.name: offset for value, offset in zip(values, plan.offsets, strict=False)}
    head, greedy = _tflm_height(problem.buffers, plan.offsets[: len(values)]), _tflm_height(problem.buffers)
    peak, (tail, planning) = peak_working_set(graph), tail_and_planning_bytes(graph, abi)
    return NetworkMemory(
        live_peak_bytes=peak.nbytes if peak else 0,
        packing_bound_bytes=lower_bound_bytes(ArenaProblem(problem.buffers)),
        lower_bound_bytes=plan.lower_bound,
        head_bytes=min(head, greedy),
        greedy_head_bytes=greedy,
        tail_bytes=tail,
        planning_bytes=planning,
        offsets=offsets if head < greedy else {},
        state_bytes=state_bytes(graph, abi),
    )


def planned_head_bytes(graph: Graph, kernels: Kernels) -> int:
    """Return the head of a graph, in its given order, that a quick search finds: nothing else is measured."""
    problem = arena_problem(graph, kernels, _ABIS.get(kernels, ARM_32))
    plan = plan_arena(problem, Effort.QUICK)
    if kernels.are_ours:
        return plan.height
    told = plan.offsets[: len(graph.activations())]
    return min(_tflm_height(problem.buffers, told), _tflm_height(problem.buffers))


def _measure_engine(graph: Graph, kernels: Kernels, effort: Effort, apart: Collection[str]) -> NetworkMemory:
    problem = arena_problem(graph, kernels, apart=apart)
    plan, unshared = plan_arena(problem, effort), plan_arena(ArenaProblem(problem.buffers), Effort.QUICK)
    values, peak = graph.activations(), peak_working_set(graph)
    busy = [node for node in graph.nodes if scratch_bytes(node, kernels)]
    kept = [node.outputs[0].type for node in state_reads(graph)] + [own.type for own in lasting_states(graph)]
    state = sum(aligned(kind.nbytes, WORD_BYTES) for kind in kept)
    return NetworkMemory(
        live_peak_bytes=peak.nbytes if peak else 0,
        packing_bound_bytes=lower_bound_bytes(ArenaProblem(problem.buffers)),
        lower_bound_bytes=plan.lower_bound,
        head_bytes=plan.height,
        greedy_head_bytes=unshared.height,
        tail_bytes=state,
        planning_bytes=0,
        offsets={value.name: offset for value, offset in zip(values, plan.offsets, strict=False)},
        state_bytes=state,
        scratch={node.outputs[0].name: at for node, at in zip(busy, plan.offsets[len(values) :], strict=True)},
    )


def arena_problem(
    graph: Graph, kernels: Kernels = Kernels.SAFE, abi: Abi = ARM_32, apart: Collection[str] = ()
) -> ArenaProblem:
    """Return what is planned for a graph: its buffers, what is a view of what, and what may lie over what.

    Results named in `apart` may lie over nothing.
    """
    places = {value: index for index, value in enumerate(graph.activations())}
    parts = find_views(graph)
    views = tuple(View(places[part], places[whole], start) for part, whole, start in parts)
    found = find_overlaps(graph, kernels, parts)
    overlaps = tuple(
        Overlap(places[dying], places[born], distance, is_exact=_is_exact(born, kernels))
        for dying, born, distance in found
        if born.name not in apart
    )
    return ArenaProblem(tuple(ram_buffers(graph, abi, kernels)), overlaps, views)


def _is_exact(result: Value, kernels: Kernels) -> bool:
    """Whether a result begins where its operand does, if it lies over it at all."""
    return kernels.are_ours and result.producer is not None and runs_in_place(result.producer, kernels)


def arena_bytes(graph: Graph, offsets: Mapping[str, int], abi: Abi = ARM_32) -> int:
    """Return the arena with which a file with these offsets loads and runs."""
    tail, planning = tail_and_planning_bytes(graph, abi)
    return max(head_bytes(graph, offsets, abi), planning) + tail


def head_bytes(graph: Graph, offsets: Mapping[str, int], abi: Abi = ARM_32) -> int:
    """Return the head that TFLM makes of a file with these offsets; scratch never has one."""
    return _tflm_height(ram_buffers(graph, abi), [offsets.get(value.name) for value in graph.activations()])


def _tflm_height(buffers: Sequence[Buffer], told: Sequence[int | None] = ()) -> int:
    return height_bytes(buffers, _tflm_offsets(buffers, told))


def _tflm_offsets(buffers: Sequence[Buffer], told: Sequence[int | None]) -> tuple[int, ...]:
    """Return where TFLM puts buffers; the first of them may be told their offsets, None where TFLM decides."""
    return greedy_offsets(buffers, [*told, *([None] * (len(buffers) - len(told)))])


def placed_buffers(graph: Graph, memory: NetworkMemory, kernels: Kernels) -> list[tuple[Buffer, int]]:
    """Return every buffer of the head with its offset in bytes; `memory` is what was measured of this graph.

    Tensors come first, in the order of `Graph.activations()`, then the working buffers of the kernels.
    """
    abi = _ABIS.get(kernels, ARM_32)
    buffers = ram_buffers(graph, abi, kernels)
    if kernels.are_ours:
        tensors = [memory.offsets[value.name] for value in graph.activations()]
        return list(zip(buffers, (*tensors, *memory.scratch.values()), strict=True))
    told = [memory.offsets.get(value.name) for value in graph.activations()]
    return list(zip(buffers, _tflm_offsets(buffers, told), strict=True))


def ram_buffers(graph: Graph, abi: Abi = ARM_32, kernels: Kernels = Kernels.SAFE) -> list[Buffer]:
    """Return what is planned, in TFLM's order: the tensors in RAM, then the working buffers of the kernels."""
    tensors = [Buffer(value.name, aligned(value.type.nbytes), live) for value, live in live_ranges(graph).items()]
    scratch = [
        Buffer(f"scratch of {node.name}", aligned(nbytes), LiveRange(step, step + 1))
        for step, node in enumerate(graph.nodes)
        for nbytes in working_bytes(node, kernels, abi)
    ]
    return tensors + scratch


def resident_bytes(networks: Sequence[NetworkMemory], resident: Resident) -> int:
    """Return the RAM of several networks that are resident in the given way."""
    return resident_all_bytes(networks) if resident is Resident.ALL else resident_one_bytes(networks)


def resident_all_bytes(networks: Sequence[NetworkMemory]) -> int:
    """Return the RAM of several networks that are all ready to run: heads and state are shared."""
    head = max(max(network.head_bytes, network.planning_bytes) for network in networks)
    again = sum(network.state_bytes for network in networks[1:])
    return head + sum(network.tail_bytes for network in networks) - again


def resident_one_bytes(networks: Sequence[NetworkMemory]) -> int:
    """Return the RAM of several networks of which one is ready at a time; a switch allocates anew."""
    return max(network.arena_bytes for network in networks)
