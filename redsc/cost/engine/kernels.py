"""The kernels of the C engine as the planner sees them: working buffers, and where a result may lie.

One row per op that takes a working buffer or lets its result lie over its operand in another way than elementwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from redsc.choices import Kernels
from redsc.cost import replay
from redsc.cost.engine.conv import conv_way, filled
from redsc.cost.engine.depthwise import SCRATCH_BYTES, DepthwiseWay, depthwise_way
from redsc.ir import LSTM, Array, DType, Node, own_states, starts_anew
from redsc.ir.ops.linear import product_depth

__all__ = ["WORD_BYTES", "EngineKernel", "engine_reads", "runs_in_place", "scratch_bytes"]

WORD_BYTES = 4
"""What the engine's variables and the end of its constants are aligned to."""


def _no_bytes(_node: Node, _kernels: Kernels) -> int:
    return 0


def _never(_node: Node, _kernels: Kernels) -> bool:
    return False


def _no_order(_node: Node, _kernels: Kernels) -> Array | None:
    return None


def _always(order: replay.Replay) -> Callable[[Node, Kernels], Array]:
    return lambda node, _kernels: order(node)


@dataclass(frozen=True, slots=True)
class EngineKernel:
    """What one op's kernels take and promise.

    scratch: bytes of the working buffer.
    reads: the order of reads and writes (`redsc.cost.replay`), None where there is none to rely on.
    is_in_place: whether the result begins where the operand does, or lies apart.
    """

    scratch: Callable[[Node, Kernels], int] = _no_bytes
    reads: Callable[[Node, Kernels], Array | None] = _no_order
    is_in_place: Callable[[Node, Kernels], bool] = _never


def scratch_bytes(node: Node, kernels: Kernels = Kernels.ENGINE) -> int:
    """Return the bytes of a node's working buffer, 0 where its kernel has none."""
    return _KERNELS.get(node.op, _PLAIN).scratch(node, kernels)


def engine_reads(node: Node, kernels: Kernels) -> Array | None:
    """Return which element of operand 0 each step of a kernel reads first, None where no order is promised."""
    return _KERNELS.get(node.op, _PLAIN).reads(node, kernels)


def runs_in_place(node: Node, kernels: Kernels) -> bool:
    """Whether a kernel writes over its operand, element by element in one place."""
    return _KERNELS.get(node.op, _PLAIN).is_in_place(node, kernels)


def _conv_scratch(node: Node, kernels: Kernels) -> int:
    return conv_way(node, kernels).scratch_bytes if _is_int8(node) else 0


def _conv_reads(node: Node, _kernels: Kernels) -> Array:
    return replay.by_pixels(node) if _is_int8(node) else replay.by_elements(node)


def _dense_reads(node: Node, kernels: Kernels) -> Array:
    is_widened = _is_int8(node) and conv_way(node, kernels).pixels > 0
    return replay.by_rows(node) if is_widened else replay.by_elements_of_rows(node)


def _depthwise_way(node: Node, kernels: Kernels) -> DepthwiseWay:
    return depthwise_way(node, SCRATCH_BYTES[kernels]) if _is_int8(node) else DepthwiseWay(is_planar=False)


def _depthwise_reads(node: Node, kernels: Kernels) -> Array | None:
    return None if _depthwise_way(node, kernels).is_planar else replay.depthwise(node)


def _matmul_scratch(node: Node, _kernels: Kernels) -> int:
    """Four columns of int16, and a row of int8 where rows do not lie in one piece (redsc_batch_matmul.h)."""
    if not _is_int8(node):
        return 0
    return filled(product_depth(node)) * (9 if node.attrs.adj_x else 8)


def _state_scratch(node: Node, _kernels: Kernels) -> int:
    """What a recurrent layer keeps while it runs, where that is no state of the network."""
    return sum(state.type.nbytes for state in own_states(node)) if starts_anew(node) else 0


def _is_int8(node: Node) -> bool:
    return node.operand(0).type.dtype is DType.INT8


_PLAIN = EngineKernel()
_KERNELS: Mapping[str, EngineKernel] = {
    "CONV_2D": EngineKernel(_conv_scratch, _conv_reads),
    "FULLY_CONNECTED": EngineKernel(_conv_scratch, _dense_reads),
    "DEPTHWISE_CONV_2D": EngineKernel(
        lambda node, kernels: _depthwise_way(node, kernels).scratch_bytes,
        _depthwise_reads,
        lambda node, kernels: _depthwise_way(node, kernels).in_place,
    ),
    "BATCH_MATMUL": EngineKernel(_matmul_scratch),
    "AVERAGE_POOL_2D": EngineKernel(reads=_always(replay.pool)),
    "MAX_POOL_2D": EngineKernel(reads=_always(replay.pool)),
    "PAD": EngineKernel(reads=_always(replay.pad)),
    "PADV2": EngineKernel(reads=_always(replay.pad)),
    LSTM: EngineKernel(_state_scratch),
}
