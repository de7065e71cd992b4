"""How far a result may lie over an operand that dies with it: DMO (Blacker et al., arXiv 2010.01668).

A kernel is replayed (`redsc.cost.replay`): the result may lie so that no byte is written before its last read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate

from redsc.choices import Kernels
from redsc.cost import replay
from redsc.cost.arena import most_shared
from redsc.cost.buffer import aligned
from redsc.cost.engine import engine_reads, runs_in_place
from redsc.cost.liveness import live_ranges
from redsc.cost.order import Credits
from redsc.cost.replay import Replay
from redsc.cost.tflm.tail import kernel_scratch_bytes
from redsc.cost.views import Part
from redsc.ir import Array, Graph, Node, Value, op_def
from redsc.ir.rules import InPlace, View

__all__ = ["MOST_REPLAYED", "find_overlaps", "overlap_credits", "overlap_distance", "replay_limit"]

MOST_REPLAYED = 1 << 22
"""Elements of a result: a kernel that makes more than fits into any microcontroller is not replayed."""
_MOST_TOGETHER = 1 << 24  # elements of all results of a network whose kernels are replayed; each takes some 40 ns
_VECTOR_CHANNELS = 124  # arm_depthwise_conv_s8_opt takes so many at once with MVE, over all pixels


def find_overlaps(graph: Graph, kernels: Kernels, views: Iterable[Part]) -> list[tuple[Value, Value, int]]:
    """Return every operand over which the result of its node may lie, with that result and the distance.

    1. The node is the operand's last reader and reads it once; the operand is no graph output.
    2. Nothing that is live in that step shares bytes with the operand as a view of it, or as what it is a view of;
       and the result is none of these.
    """
    most = replay_limit(graph)
    return [
        (value, node.outputs[0], distance)
        for node, index, value in _free_operands(graph, views)
        if (distance := overlap_distance(node, index, kernels, most)) is not None
    ]


def replay_limit(graph: Graph) -> int:
    """Return how many elements a result may have for its kernel to be replayed: those of the smallest are first."""
    sizes = sorted(node.outputs[0].type.elements for node in graph.nodes if node.op in _REPLAYED)
    sums = zip(sizes, accumulate(sizes), strict=True)
    return min(
        MOST_REPLAYED, next((size - 1 for size, together in sums if together > _MOST_TOGETHER), MOST_REPLAYED)
    )


def _free_operands(graph: Graph, views: Iterable[Part]) -> Iterator[tuple[Node, int, Value]]:
    """Yield the operands whose bytes nobody needs after their node, with it and their index."""
    ranges, kin = live_ranges(graph), _kin(views)
    for step, node in enumerate(graph.nodes):
        for index, value in enumerate(node.inputs):
            if value is None or value.is_constant or ranges[value].end > step + 1 or graph.is_output(value):
                continue
            relatives = kin.get(value, {value}) - {value}
            is_shared = any(ranges[other].start <= step < ranges[other].end for other in relatives)
            if not is_shared and node.inputs.count(value) == 1:
                yield node, index, value


def overlap_credits(graph: Graph, kernels: Kernels) -> Credits:
    """Return the bytes that a node of a graph saves by writing over an operand, for the search for an order."""
    most = replay_limit(graph)

    def credits(node: Node) -> dict[Value, int]:
        found = {}
        for index, value in enumerate(node.inputs):
            if value is None or value.is_constant or node.inputs.count(value) > 1 or not node.outputs:
                continue
            dying, born = aligned(value.type.nbytes), aligned(node.outputs[0].type.nbytes)
            is_view = index == 0 and isinstance(op_def(node.op).alias, View)
            distance = 0 if is_view else overlap_distance(node, index, kernels, most)
            if distance is not None:
                found[value] = most_shared(dying, born, distance)
        return found

    return credits


def _kin(views: Iterable[Part]) -> dict[Value, set[Value]]:
    """Return for every view and every tensor with views all that lie in the same bytes or beside them."""
    kin: dict[Value, set[Value]] = {}
    for part, whole, _ in views:
        family = kin.get(part, {part}) | kin.get(whole, {whole})
        kin.update(dict.fromkeys(family, family))
    return kin


def overlap_distance(node: Node, index: int, kernels: Kernels, most: int = MOST_REPLAYED) -> int | None:
    """Return the least offset of operand `index` less that of the result, in bytes, None where they must lie apart.

    It is a multiple of the alignment; a negative one lets the result begin above the operand. What these kernels
    may do is in `_LEGAL`, redsc's own among them, which every firmware runs; an elementwise result may lie over any
    operand of its shape. Kernels whose result has more than `most` elements are not replayed.
    """
    if len(node.outputs) != 1:
        return None
    source, result = node.operand(index).type, node.outputs[0].type
    rule = op_def(node.op).alias
    if isinstance(rule, InPlace) and index in rule.inputs:
        is_elementwise = source.shape == result.shape
        is_forward = kernels is Kernels.REFERENCE or kernels.are_ours
        narrows = source.dtype.itemsize > result.dtype.itemsize and is_forward
        return 0 if is_elementwise and (source.dtype.itemsize == result.dtype.itemsize or narrows) else None
    if index == 0 and kernels.are_ours and runs_in_place(node, kernels):
        return 0
    reads = _replay(node, kernels) if index == 0 and result.elements <= most else None
    return None if reads is None else aligned(max(replay.distance(reads), -source.elements) * source.dtype.itemsize)


def _replay(node: Node, kernels: Kernels) -> Array | None:
    """Return which element of operand 0 each step reads first, None where the kernel has no order to rely on."""
    if kernels.are_ours:
        return engine_reads(node, kernels)
    legal = _LEGAL[kernels].get(node.op)
    return _READS[node.op](node) if legal is not None and legal(node) else None


def _always(_node: Node) -> bool:
    return True


def _is_tall(node: Node) -> bool:
    """CMSIS-NN computes 1x1 and 1xN convolutions channel by channel over all pixels; groups likewise."""
    _, height, _, channels = node.operand(1).type.shape
    return height > 1 and channels == node.operand(0).type.shape[-1]


def _is_narrow(node: Node) -> bool:
    return node.operand(0).type.shape[-1] <= _VECTOR_CHANNELS


def _strided_reads(node: Node) -> Array:
    """redsc_conv_rows.h: pixels in a panel are read before they are written, others are read for four channels."""
    return replay.by_pixels(node) if kernel_scratch_bytes(node) else replay.by_elements(node)


_READS: Mapping[str, Replay] = {
    "CONV_2D": replay.by_elements,
    "REDSC_CONV_2D": _strided_reads,
    "DEPTHWISE_CONV_2D": replay.depthwise,
    "AVERAGE_POOL_2D": replay.pool,
    "MAX_POOL_2D": replay.pool,
    "PAD": replay.pad,
    "PADV2": replay.pad,
}
_REPLAYED = _READS.keys() | {"FULLY_CONNECTED"}  # the last by the C engine
_OURS = {"REDSC_CONV_2D": _always}
_LEGAL: Mapping[Kernels, Mapping[str, Callable[[Node], bool]]] = {
    Kernels.SAFE: _OURS,
    Kernels.REFERENCE: dict.fromkeys(_READS, _always),
    Kernels.CMSIS_NN: {"CONV_2D": _is_tall, "DEPTHWISE_CONV_2D": _is_narrow, **_OURS},
}
