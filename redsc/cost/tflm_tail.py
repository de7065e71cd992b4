"""Exact emulation of what TFLM keeps at the arena's tail, and of what planning needs for a while.

Source: tensorflow/lite/micro/micro_allocator.cc, micro_interpreter.cc and the reference kernels of micro/kernels.
The tail grows downwards from a 16-aligned end; each allocation aligns it down. Kernels allocate with the arena's
alignment, the interpreter with that of the struct.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from redsc.cost.buffer import ALIGNMENT_BYTES, aligned
from redsc.cost.tflm_structs import ARM_32, Abi, Layout
from redsc.ir import DType, Graph, Node, Value

__all__ = ["KERNELS", "Kernel", "kernel_scratch_bytes", "planning_bytes", "tail_bytes"]

_ALLOCATORS = (
    "SingleArenaBufferAllocator",
    "GreedyMemoryPlanner",
    "MicroAllocator",
    "MicroBuiltinDataAllocator",
    "SubgraphAllocations",
)
_INT_BYTES = 4
_MAX_SCRATCH_BUFFERS_PER_OP = 12  # micro_allocator.cc: kMaxScratchBuffersPerOp


def _nothing(_node: Node) -> tuple[int, ...]:
    return ()


def _conv_multipliers(node: Node) -> tuple[int, ...]:
    """Multiplier and shift per output channel, also for float (conv_common.cc, depthwise_conv_common.cc)."""
    return (node.outputs[0].type.shape[-1] * _INT_BYTES,) * 2


def _dense_multipliers(node: Node) -> tuple[int, ...]:
    """Multiplier and shift per channel where the weight has a scale per channel (fully_connected_common.cc)."""
    quant = node.operand(1).type.quant
    return (len(quant.scales) * _INT_BYTES,) * 2 if quant is not None and quant.is_per_channel else ()


def _mean_scratch(node: Node) -> tuple[int, ...]:
    """The int8 sums, an index per input axis, the resolved axes (reduce_common.cc: PrepareMeanOrSumHelper)."""
    source, axes = node.operand(0).type, node.operand(1).type
    sums = (node.outputs[0].type.elements * _INT_BYTES,) if source.dtype is DType.INT8 else ()
    return (*sums, len(source.shape) * _INT_BYTES, axes.elements * _INT_BYTES)


@dataclass(frozen=True, slots=True)
class Kernel:
    """What one op allocates: the struct of its parsed parameters, that of its Init, and in Prepare, in bytes.

    `tail` gives the arrays that Prepare keeps, `scratch` the buffers that it requests at the head.
    """

    params: str | None = None
    op_data: str | None = None
    tail: Callable[[Node], tuple[int, ...]] = _nothing
    scratch: Callable[[Node], tuple[int, ...]] = _nothing


KERNELS: dict[str, Kernel] = {
    "ADD": Kernel("TfLiteAddParams", "OpDataAdd"),
    "AVERAGE_POOL_2D": Kernel("TfLitePoolParams", "OpDataPooling"),
    "CONV_2D": Kernel("TfLiteConvParams", "OpDataConv", tail=_conv_multipliers),
    "DEPTHWISE_CONV_2D": Kernel("TfLiteDepthwiseConvParams", "OpDataConv", tail=_conv_multipliers),
    "DEQUANTIZE": Kernel(None, "DequantizeOpData"),
    "FULLY_CONNECTED": Kernel("TfLiteFullyConnectedParams", "OpDataFullyConnected", tail=_dense_multipliers),
    "LEAKY_RELU": Kernel("TfLiteLeakyReluParams", "LeakyReluOpData"),
    "MAX_POOL_2D": Kernel("TfLitePoolParams", "OpDataPooling"),
    "MEAN": Kernel("TfLiteReducerParams", "OpDataReduce", scratch=_mean_scratch),
    "PAD": Kernel(None, "PadOpData"),
    "QUANTIZE": Kernel(None, "OpDataQuantizeReference"),
    "RELU": Kernel(None, "ReluOpData"),
    "RELU6": Kernel(None, "Relu6OpData"),
    "RESHAPE": Kernel("TfLiteReshapeParams", None),
    "SOFTMAX": Kernel("TfLiteSoftmaxParams", "SoftmaxParams"),
}


def tail_bytes(graph: Graph, abi: Abi = ARM_32) -> int:
    """Return the bytes that TFLM keeps at the arena's tail for the file that we write of a graph."""
    return _stacked([*_planned_tail(graph, abi), *_ports_tail(graph, abi)])


def planning_bytes(graph: Graph, abi: Abi = ARM_32) -> int:
    """Return the bytes that TFLM needs in the place of the head while it plans; the head is still empty then.

    The requests of the kernels, an offset per subgraph, an AllocationInfo per tensor and scratch buffer, and the
    planner's notes per buffer that it places (micro_allocation_info.cc, greedy_memory_planner.cc), less the part of
    the tail that is made afterwards, the inputs and outputs.
    """
    scratch = sum(len(kernel_scratch_bytes(node)) for node in graph.nodes)
    placed = sum(value.type.nbytes > 0 for value in graph.activations()) + scratch
    end = 0
    for item in (
        abi.layout("ScratchBufferRequest").array(scratch + _MAX_SCRATCH_BUFFERS_PER_OP),
        abi.layout("ptr"),
        abi.layout("AllocationInfo").array(len(graph.values()) + scratch),
        _in_arena(abi.layout("GreedyMemoryPlanner::per_buffer_size").size * placed),
    ):
        end = _align_up(end, item.align) + item.size
    later = tail_bytes(graph, abi) - _stacked(_planned_tail(graph, abi))
    return max(0, aligned(end) - later)


def kernel_scratch_bytes(node: Node) -> tuple[int, ...]:
    """Return the sizes of the head buffers that the kernel of a node requests, in its order, without alignment."""
    return KERNELS[node.op].scratch(node)


def _stacked(layouts: Iterable[Layout]) -> int:
    """Return the bytes of objects that are stacked downwards, each aligned."""
    end = 0
    for item in layouts:
        end = _align_up(end + item.size, item.align)
    return end


def _planned_tail(graph: Graph, abi: Abi) -> Iterator[Layout]:
    """Yield every persistent allocation up to the end of planning, in TFLM's order."""
    yield from map(abi.layout, _ALLOCATORS)
    yield abi.layout("TfLiteEvalTensor").array(len(graph.values()))
    yield abi.layout("NodeAndRegistration").array(len(graph.nodes))
    kernels = [KERNELS[node.op] for node in graph.nodes]
    yield from (abi.layout(kernel.params) for kernel in kernels if kernel.params)
    yield from (_in_arena(abi.layout(kernel.op_data).size) for kernel in kernels if kernel.op_data)
    yield from (
        _in_arena(size) for node, kernel in zip(graph.nodes, kernels, strict=True) for size in kernel.tail(node)
    )
    if handles := sum(len(kernel_scratch_bytes(node)) for node in graph.nodes):
        yield abi.layout("ScratchBufferHandle").array(handles)


def _ports_tail(graph: Graph, abi: Abi) -> Iterator[Layout]:
    """Yield the persistent allocations for the inputs and outputs, which come after planning."""
    for values in (graph.inputs, graph.outputs):
        yield _in_arena(abi.layout("ptr").size * len(values))
        for value in values:
            yield from _tensor_layouts(value, abi)


def _tensor_layouts(value: Value, abi: Abi) -> Iterator[Layout]:
    """Yield what an input or output of the graph has besides its eval tensor."""
    yield abi.layout("TfLiteTensor")
    if value.type.quant is not None:
        yield abi.layout("TfLiteAffineQuantization")
        yield abi.layout("int").array(1 + len(value.type.quant.scales))


def _in_arena(size: int) -> Layout:
    """Return the layout of a buffer with the arena's alignment."""
    return Layout(size, ALIGNMENT_BYTES)


def _align_up(offset: int, align: int) -> int:
    return -(-offset // align) * align
