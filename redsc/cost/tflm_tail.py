"""Exact emulation of what TFLM keeps at the arena's tail.

Source: tensorflow/lite/micro/micro_allocator.cc, micro_interpreter.cc and the reference kernels of micro/kernels.
The tail grows downwards from a 16-aligned end; each allocation aligns it down. Kernels allocate with the arena's
alignment, the interpreter with that of the struct.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from redsc.cost.buffer import ALIGNMENT_BYTES
from redsc.cost.tflm_structs import ARM_32, Abi, Layout
from redsc.ir import DType, Graph, Node, Value

__all__ = [
    "KERNELS",
    "Kernel",
    "align_up",
    "in_arena",
    "init_tail",
    "kernel_scratch_bytes",
    "planned_tail",
    "prepare_tail",
    "stacked",
    "tail_bytes",
    "tensor_layouts",
]

_ALLOCATORS = (
    "SingleArenaBufferAllocator",
    "GreedyMemoryPlanner",
    "MicroAllocator",
    "MicroBuiltinDataAllocator",
    "SubgraphAllocations",
)
_INT_BYTES = 4


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


def _each_once(node: Node) -> tuple[Value, ...]:
    return (*node.present_inputs(), *node.outputs)


def _conv_reads(node: Node) -> tuple[Value, ...]:
    """conv_common.cc and depthwise_conv_common.cc ask for tensors in Prepare and again where they quantise."""
    source, weight, *bias = node.present_inputs()
    return (*node.outputs, source, weight, source, weight, *bias, *node.outputs)


def _mean_reads(node: Node) -> tuple[Value, ...]:
    """reduce_common.cc asks in PrepareSimple and again in PrepareMeanOrSumHelper."""
    source, axes = node.present_inputs()
    return (source, *node.outputs, axes, source, axes, *node.outputs)


def _input_only(node: Node) -> tuple[Value, ...]:
    return (node.operand(0),)


@dataclass(frozen=True, slots=True)
class Kernel:
    """What one op allocates: the struct of its parsed parameters, that of its Init, and in Prepare, in bytes.

    `tail` gives the arrays that Prepare keeps, `scratch` the buffers that it requests at the head, `reads` the
    tensors that it asks for; each asking allocates anew until Prepare is over.
    """

    params: str | None = None
    op_data: str | None = None
    tail: Callable[[Node], tuple[int, ...]] = _nothing
    scratch: Callable[[Node], tuple[int, ...]] = _nothing
    reads: Callable[[Node], tuple[Value, ...]] = _each_once


KERNELS: dict[str, Kernel] = {
    "ADD": Kernel("TfLiteAddParams", "OpDataAdd"),
    "AVERAGE_POOL_2D": Kernel("TfLitePoolParams", "OpDataPooling"),
    "CONV_2D": Kernel("TfLiteConvParams", "OpDataConv", tail=_conv_multipliers, reads=_conv_reads),
    "DEPTHWISE_CONV_2D": Kernel(
        "TfLiteDepthwiseConvParams", "OpDataConv", tail=_conv_multipliers, reads=_conv_reads
    ),
    "DEQUANTIZE": Kernel(None, "DequantizeOpData"),
    "FULLY_CONNECTED": Kernel("TfLiteFullyConnectedParams", "OpDataFullyConnected", tail=_dense_multipliers),
    "LEAKY_RELU": Kernel("TfLiteLeakyReluParams", "LeakyReluOpData"),
    "MAX_POOL_2D": Kernel("TfLitePoolParams", "OpDataPooling"),
    "MEAN": Kernel("TfLiteReducerParams", "OpDataReduce", scratch=_mean_scratch, reads=_mean_reads),
    "PAD": Kernel(None, "PadOpData"),
    "QUANTIZE": Kernel(None, "OpDataQuantizeReference"),
    "RELU": Kernel(None, "ReluOpData"),
    "RELU6": Kernel(None, "Relu6OpData", reads=_input_only),
    "RESHAPE": Kernel("TfLiteReshapeParams", None),
    "SOFTMAX": Kernel("TfLiteSoftmaxParams", "SoftmaxParams"),
}


def tail_bytes(graph: Graph, abi: Abi = ARM_32) -> int:
    """Return the bytes that TFLM keeps at the arena's tail for the file that we write of a graph."""
    return stacked([*planned_tail(graph, abi), *_ports_tail(graph, abi)])


def kernel_scratch_bytes(node: Node) -> tuple[int, ...]:
    """Return the sizes of the head buffers that the kernel of a node requests, in its order, without alignment."""
    return KERNELS[node.op].scratch(node)


def stacked(layouts: Iterable[Layout]) -> int:
    """Return the bytes of objects that are stacked downwards from an aligned end."""
    end = 0
    for item in layouts:
        end = align_up(end + item.size, item.align)
    return end


def planned_tail(graph: Graph, abi: Abi) -> Iterator[Layout]:
    """Yield every persistent allocation up to the end of planning, in TFLM's order."""
    yield from init_tail(graph, abi)
    for node in graph.nodes:
        yield from prepare_tail(node)
    if handles := sum(len(kernel_scratch_bytes(node)) for node in graph.nodes):
        yield abi.layout("ScratchBufferHandle").array(handles)


def init_tail(graph: Graph, abi: Abi) -> Iterator[Layout]:
    """Yield what is there before the first kernel prepares."""
    yield from map(abi.layout, _ALLOCATORS)
    yield abi.layout("TfLiteEvalTensor").array(len(graph.values()))
    yield abi.layout("NodeAndRegistration").array(len(graph.nodes))
    kernels = [KERNELS[node.op] for node in graph.nodes]
    yield from (abi.layout(kernel.params) for kernel in kernels if kernel.params)
    yield from (in_arena(abi.layout(kernel.op_data).size) for kernel in kernels if kernel.op_data)


def prepare_tail(node: Node) -> Iterator[Layout]:
    """Yield the arrays that a kernel keeps from its Prepare on."""
    return map(in_arena, KERNELS[node.op].tail(node))


def tensor_layouts(value: Value, abi: Abi) -> Iterator[Layout]:
    """Yield what a tensor has besides its eval tensor where a kernel or the user asks for it."""
    yield abi.layout("TfLiteTensor")
    if value.type.quant is not None:
        yield abi.layout("TfLiteAffineQuantization")
        yield abi.layout("int").array(1 + len(value.type.quant.scales))


def in_arena(size: int) -> Layout:
    """Return the layout of a buffer with the arena's alignment."""
    return Layout(size, ALIGNMENT_BYTES)


def align_up(offset: int, align: int) -> int:
    """Return the next multiple of an alignment."""
    return -(-offset // align) * align


def _ports_tail(graph: Graph, abi: Abi) -> Iterator[Layout]:
    """Yield the persistent allocations for the inputs and outputs, which come after planning."""
    for values in (graph.inputs, graph.outputs):
        yield in_arena(abi.layout("ptr").size * len(values))
        for value in values:
            yield from tensor_layouts(value, abi)
