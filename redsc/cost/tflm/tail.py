"""Exact emulation of what TFLM keeps at the arena's tail.

Source: tensorflow/lite/micro/micro_allocator.cc, micro_interpreter.cc and micro_resource_variable.cc; of kernels:
see kernels.py, signal.py, cmsis_nn.py. What is allocated for a file is that of all its subgraphs.
The tail grows downwards from a 16-aligned end; each allocation aligns it down. Kernels allocate with the arena's
alignment, the interpreter with that of the struct.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from redsc.cost.buffer import ALIGNMENT_BYTES, aligned
from redsc.cost.tflm.cmsis_nn import CMSIS_NN_C, CMSIS_NN_DSP
from redsc.cost.tflm.kernels import CUSTOM_KERNELS, KERNELS, STATE_KERNELS, Kernel
from redsc.cost.tflm.signal import SIGNAL_KERNELS
from redsc.cost.tflm.structs import ARM_32, Abi, KernelLibrary, Layout
from redsc.formats import file_graphs
from redsc.ir import DType, Graph, Node, Value, all_own_states, state_reads

__all__ = [
    "after_prepare",
    "in_arena",
    "init_sizes",
    "init_tail",
    "kernel_of",
    "kernel_scratch_bytes",
    "planned_tail",
    "ports_tail",
    "prepare_tail",
    "prepared",
    "stacked",
    "state_bytes",
    "tail_bytes",
    "tensor_layouts",
]

_ALLOCATORS = ("SingleArenaBufferAllocator", "GreedyMemoryPlanner", "MicroAllocator")
_LIBRARIES = {
    KernelLibrary.REFERENCE: KERNELS,
    KernelLibrary.CMSIS_NN_C: CMSIS_NN_C,
    KernelLibrary.CMSIS_NN_DSP: CMSIS_NN_DSP,
}
_SAME_IN_ALL = CUSTOM_KERNELS | STATE_KERNELS | SIGNAL_KERNELS


def tail_bytes(graph: Graph, abi: Abi = ARM_32) -> int:
    """Return the bytes that TFLM keeps at the arena's tail for the file that we write of a graph."""
    return stacked([*planned_tail(graph, abi), *ports_tail(graph, abi)])


def kernel_scratch_bytes(node: Node, abi: Abi = ARM_32) -> tuple[int, ...]:
    """Return the sizes of the head buffers that the kernel of a node requests, in its order, without alignment."""
    return kernel_of(node, abi).scratch(node, abi)


def kernel_of(node: Node, abi: Abi) -> Kernel:
    """Return what the kernel of a node allocates in a build."""
    return _SAME_IN_ALL.get(node.op) or _LIBRARIES[abi.kernels][node.op]


def stacked(layouts: Iterable[Layout], end: int = 0) -> int:
    """Return the bytes of objects that are stacked downwards from an aligned end, with those that are there."""
    for item in layouts:
        end = aligned(end + item.size, item.align)
    return end


def planned_tail(graph: Graph, abi: Abi) -> Iterator[Layout]:
    """Yield every persistent allocation up to the end of planning, in TFLM's order."""
    yield from init_tail(graph, abi)
    for _, kept in prepared(graph, abi):
        yield from kept
    yield from after_prepare(graph, abi)


def after_prepare(graph: Graph, abi: Abi) -> Iterator[Layout]:
    """Yield what is kept once all kernels have prepared: handles of scratch buffers, states of layers."""
    if handles := sum(len(kernel_scratch_bytes(node, abi)) for node in graph.nodes):
        yield abi.layout("ScratchBufferHandle").array(handles)
    yield from (in_arena(state.type.nbytes) for state in all_own_states(graph))


def init_tail(graph: Graph, abi: Abi) -> Iterator[Layout]:
    """Yield what is there before the first kernel prepares."""
    parts = file_graphs(graph)
    nodes = [node for part in parts for node in part.graph.nodes]
    kernels = [kernel_of(node, abi) for node in nodes]
    yield from map(abi.layout, _ALLOCATORS)
    yield from _variable_table(graph, abi)
    yield abi.layout("MicroBuiltinDataAllocator")
    yield abi.layout("SubgraphAllocations").array(len(parts))
    yield from (abi.layout("TfLiteEvalTensor").array(len(part.values())) for part in parts)
    yield from (abi.layout("NodeAndRegistration").array(len(part.graph.nodes)) for part in parts)
    yield from (abi.layout(kernel.params) for kernel in kernels if kernel.params)
    yield from (in_arena(size) for node in nodes for size in init_sizes(node, abi) if size)


def init_sizes(node: Node, abi: Abi) -> tuple[int, ...]:
    """Return the sizes of the buffers that a kernel keeps from its Init on, in bytes, without alignment."""
    kernel = kernel_of(node, abi)
    return (*([abi.layout(kernel.op_data).size] if kernel.op_data else []), *kernel.init(node, abi))


def prepare_tail(node: Node, abi: Abi) -> Iterator[Layout]:
    """Yield the buffers that a kernel keeps from its Prepare on."""
    return map(in_arena, kernel_of(node, abi).tail(node, abi))


def prepared(graph: Graph, abi: Abi) -> Iterator[tuple[Node, list[Layout]]]:
    """Yield every operator of a file in the order in which they prepare, with the buffers that it then keeps.

    The first assignment of a variable allocates it.
    """
    allocated = set[str]()
    for part in file_graphs(graph):
        for node in part.graph.nodes:
            kept = list(prepare_tail(node, abi))
            if node.op == "ASSIGN_VARIABLE" and node.attrs.variable not in allocated:
                allocated.add(node.attrs.variable)
                kept.append(in_arena(node.operand(1).type.nbytes))
            yield node, kept


def state_bytes(graph: Graph, abi: Abi = ARM_32) -> int:
    """Return the bytes of the tail that networks with the same variables share, 0 without any: at least that."""
    buffers = (in_arena(node.operand(0).type.nbytes) for node in state_reads(graph))
    sizes = [layout.size for layout in (*_variable_table(graph, abi), *buffers)]
    return sum(size // ALIGNMENT_BYTES * ALIGNMENT_BYTES for size in sizes)


def _variable_table(graph: Graph, abi: Abi) -> Iterator[Layout]:
    """Yield what MicroResourceVariables::Create allocates, right after the allocator."""
    if count := len(state_reads(graph)):
        yield in_arena(abi.layout("MicroResourceVariables").size)
        yield in_arena(abi.layout("MicroResourceVariable").size * count)


def tensor_layouts(value: Value, abi: Abi) -> Iterator[Layout]:
    """Yield what a tensor has besides its eval tensor where a kernel or the user asks for it."""
    yield abi.layout("TfLiteTensor")
    if value.type.quant is not None and value.type.dtype is not DType.FLOAT32:  # no file keeps a float's int8 form
        yield abi.layout("TfLiteAffineQuantization")
        yield abi.layout("int").array(1 + len(value.type.quant.scales))


def in_arena(size: int) -> Layout:
    """Return the layout of a buffer with the arena's alignment."""
    return Layout(size, ALIGNMENT_BYTES)


def ports_tail(graph: Graph, abi: Abi) -> Iterator[Layout]:
    """Yield the persistent allocations for the inputs and outputs, which come after planning."""
    for values in (graph.inputs, graph.outputs):
        yield in_arena(abi.layout("ptr").size * len(values))
        for value in values:
            yield from tensor_layouts(value, abi)
