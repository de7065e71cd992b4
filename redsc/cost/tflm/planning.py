"""What TFLM needs for a while in AllocateTensors, before the tensors move into the head.

Source: tensorflow/lite/micro/micro_interpreter_graph.cc (PrepareSubgraphs), micro_allocator.cc
(AllocateTempTfLiteTensor, CommitStaticMemoryPlan), micro_allocation_info.cc and greedy_memory_planner.cc.
Temporaries grow upwards from the arena's start while the tail still grows downwards from its end. TFLM checks a new
temporary against the tail, but not a new tail buffer against the temporaries (single_arena_buffer_allocator.cc:
AllocatePersistentBuffer): where a kernel keeps buffers after its last temporary, a smaller arena loads too, with
the two on the same bytes. We ask for room for both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from redsc.cost.buffer import aligned
from redsc.cost.tflm.structs import ARM_32, Abi, Layout
from redsc.cost.tflm.tail import (
    after_prepare,
    in_arena,
    init_tail,
    kernel_of,
    kernel_scratch_bytes,
    ports_tail,
    prepared,
    stacked,
    tensor_layouts,
)
from redsc.formats import file_graphs
from redsc.ir import Graph

__all__ = ["planning_bytes", "tail_and_planning_bytes"]

_MAX_SCRATCH_BUFFERS_PER_OP = 12  # micro_allocator.cc: kMaxScratchBuffersPerOp


def planning_bytes(graph: Graph, abi: Abi = ARM_32) -> int:
    """Return the bytes, in the place of the head, with which AllocateTensors succeeds.

    It is the largest sum of temporaries and tail in any phase, less the final tail.
    """
    return tail_and_planning_bytes(graph, abi)[1]


def tail_and_planning_bytes(graph: Graph, abi: Abi = ARM_32) -> tuple[int, int]:
    """Return what `tail_bytes` and `planning_bytes` do, found in one walk."""
    phases = list(_phases(graph, abi))
    tail = stacked(ports_tail(graph, abi), phases[-1][1])
    needed = max(temporary + kept for temporary, kept in phases)
    return tail, max(0, aligned(needed - tail))


def _phases(graph: Graph, abi: Abi) -> Iterator[tuple[int, int]]:
    """Yield temporaries and tail, in bytes, while each kernel prepares and then while the arena is planned."""
    request = abi.layout("ScratchBufferRequest")
    tail = stacked(init_tail(graph, abi))
    scratch = 0
    for node, kept in prepared(graph, abi):
        tail = stacked(kept, tail)
        tensors = kernel_of(node, abi).reads(node)
        layouts = [layout for value in tensors for layout in tensor_layouts(value, abi)]
        requests = request.array(scratch + _MAX_SCRATCH_BUFFERS_PER_OP)
        yield _raised([requests, *layouts]), tail
        scratch += len(kernel_scratch_bytes(node, abi))
    placed = sum(value.type.nbytes > 0 for value in graph.activations()) + scratch
    parts = file_graphs(graph)
    notes = [
        request.array(scratch + _MAX_SCRATCH_BUFFERS_PER_OP),
        abi.layout("ptr").array(len(parts)),  # an offset per subgraph
        abi.layout("AllocationInfo").array(sum(len(part.values()) for part in parts) + scratch),
        in_arena(abi.layout("GreedyMemoryPlanner::per_buffer_size").size * placed),
    ]
    yield aligned(_raised(notes)), stacked(after_prepare(graph, abi), tail)


def _raised(layouts: Iterable[Layout]) -> int:
    """Return the bytes of objects that are stacked upwards from an aligned start."""
    end = 0
    for item in layouts:
        end = aligned(end, item.align) + item.size
    return end
