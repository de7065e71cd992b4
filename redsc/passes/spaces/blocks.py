"""Parts of a network that a level may leave out: bodies of residuals, segments of a chain that keep the shape."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from redsc.ir import Graph, Names, Node, Value, is_pure, op_def
from redsc.ir.rules import Grouped, InPlace, Produces
from redsc.passes.spaces.space import ChannelGroups, Layout

__all__ = ["SkipBlock", "find_blocks", "find_chain_blocks", "outermost_blocks", "with_nested"]

_SUMS = frozenset({"ADD", "ADD_N"})
_MOST_NODES = 256  # a search that a hostile file cannot make long; bodies of real networks have a few dozen


@dataclass(frozen=True, slots=True)
class SkipBlock:
    """A part with one way out, and as much of the same shape at its way in: its source may replace its result.

    `source` and `result` are names of values, `inside` those of all values, constants too, that exist for this
    block only. `name` is that of the sum, or of the layer in a chain, with a number where several sums and layers
    have it. They hold for permuted and sliced copies of the graph as well.

    Blocks lie apart, one after the other, or one inside the other: then the result of the inner is `inside` the
    outer, and who skips the outer has skipped the inner too.
    """

    name: str
    source: str
    result: str
    inside: tuple[str, ...]


def with_nested(blocks: Iterable[SkipBlock], names: Collection[str]) -> tuple[str, ...]:
    """Return the names of the blocks that are gone when those named are skipped, in the order of `blocks`.

    A plan lists these: of nested levels the smaller one then skips all that the larger one does.
    """
    listed = list(blocks)
    gone = {value for block in listed if block.name in names for value in (*block.inside, block.result)}
    return tuple(block.name for block in listed if block.result in gone)


def outermost_blocks(blocks: Iterable[SkipBlock]) -> tuple[SkipBlock, ...]:
    """Return the blocks that lie inside none of the others: those that skipping all of them skips, and costs."""
    listed = list(blocks)
    inside = {value for block in listed for value in block.inside}
    return tuple(block for block in listed if block.result not in inside)


def find_blocks(graph: Graph, groups: ChannelGroups) -> tuple[SkipBlock, ...]:
    """Return the bodies f of residuals x + f(x), in the order of the schedule.

    1. The result is an ADD or ADD_N that reads x once, with or without a fused activation. An activation after it
       is no part of the block.
    2. x dominates the body: what f computes depends on x and constants only. The sum post-dominates what is inside
       the block: what f makes and something else reads too, or a graph output is, stays.
    3. x and the sum have the same shape, element type and channels. Scales may differ. A projection on the way past
       f is no identity: its block is none.
    4. Some node inside has MACs; there are at most 256 nodes.
    """
    search = _Search.of(graph)
    found = (search.residual(node, groups) for node in graph.nodes if node.op in _SUMS)
    return tuple(block for block in found if block)


def find_chain_blocks(graph: Graph, groups: ChannelGroups) -> tuple[SkipBlock, ...]:
    """Return segments without a shortcut that keep the shape, in the order of the schedule: candidates, no more.

    Around each layer that makes new channels out of as many: the depthwise layers and elementwise ops right before
    it, if there are depthwise ones, and the elementwise ops right after it.

    1. Nothing else reads what the segment makes, and it depends on one value and constants only.
    2. Source and result have the same shape and element type, and channels made up alike, which may all be cut or
       are all frozen.

    A level that skips one feeds the channels of the source to those who read the result. Where `groups` hold them
    for different spaces, `find_channel_groups(..., tie=[(block.source, block.result)])` must make them one before
    channels are ordered and cut. What that costs only data can say.
    """
    search = _Search.of(graph)
    found = (search.segment(node, groups) for node in graph.nodes if _makes_channels(node))
    return tuple(block for block in found if block)


@dataclass(frozen=True, slots=True)
class _Search:
    """A graph, the place of each node in its schedule, and a name of its own for each sum and layer."""

    graph: Graph
    places: Mapping[Node, int]
    names: Mapping[Node, str]

    @staticmethod
    def of(graph: Graph) -> _Search:
        names = Names()
        return _Search(
            graph,
            {node: place for place, node in enumerate(graph.nodes)},
            {node: names.take(node.name) for node in graph.nodes if node.op in _SUMS or _makes_channels(node)},
        )

    def residual(self, node: Node, groups: ChannelGroups) -> SkipBlock | None:
        source, result = min(node.present_inputs(), key=self.place), node.outputs[0]
        is_identity = _fit(source, result) and groups.axes.get(source.name) == groups.axes.get(result.name)
        if source.is_constant or not is_identity or sum(value is source for value in node.inputs) != 1:
            return None
        inside = self.private(self.between(source, result), result)
        return self.block(node, source, result, inside) if any(op_def(n.op).macs(n) for n in inside) else None

    def segment(self, node: Node, groups: ChannelGroups) -> SkipBlock | None:
        source, result = self.start(node), self.end(node)
        if not _fit(source, result) or not _are_alike(groups, _channels(groups, source), _channels(groups, result)):
            return None
        between = self.between(source, result)
        return self.block(node, source, result, between) if between else None

    def between(self, source: Value, result: Value) -> list[Node]:
        """Return the nodes on the way from a value to another, none if a way from elsewhere joins."""
        first, found, waiting = self.place(source), set[Node](), [result]
        while waiting:
            value = waiting.pop()
            node = value.producer
            if value is source or value.is_constant or node in found:
                continue
            is_way_in = node is None or self.places[node] <= first or not is_pure(node)
            if node is None or is_way_in or len(found) == _MOST_NODES:
                return []
            found.add(node)
            waiting += node.present_inputs()
        return sorted(found, key=self.places.__getitem__)

    def private(self, between: list[Node], result: Value) -> list[Node]:
        """Return those of these nodes that exist for the result only."""
        found = set[Node]()
        for node in reversed(between):
            others = [value for value in node.outputs if value is not result]
            if all(_only_in(value, found) and not self.graph.is_output(value) for value in others):
                found.add(node)
        return [node for node in between if node in found]

    def place(self, value: Value) -> int:
        """Return where a value is made; a constant last, for it is no way in."""
        if value.is_constant:
            return len(self.places)
        return -1 if value.producer is None else self.places[value.producer]

    def block(self, node: Node, source: Value, result: Value, between: list[Node]) -> SkipBlock:
        nodes = set(between)
        touched = dict.fromkeys(value for n in between for value in (*n.present_inputs(), *n.outputs))
        own = (v for v in touched if v is not result and (v.producer in nodes or v.is_constant))
        inside = tuple(value.name for value in own if _only_in(value, nodes))
        return SkipBlock(self.names[node], source.name, result.name, inside)

    def start(self, node: Node) -> Value:
        """Return what the first of the depthwise layers before a layer reads, else what the layer reads itself."""
        start = value = op_def(node.op).source(node)
        while (before := value.producer) and self.graph.is_private(value) and _is_simple(before):
            value = op_def(before.op).source(before)
            if isinstance(op_def(before.op).channels, Grouped):
                start = value
        return start

    def end(self, node: Node) -> Value:
        """Return the result of the elementwise ops after a layer, else that of the layer."""
        end = node.outputs[0]
        while (after := self.elementwise_after(end)) is not None:
            end = after
        return end

    def elementwise_after(self, value: Value) -> Value | None:
        """Return a function of a value that replaces it, element by element: x, LOGISTIC, MUL make one of x."""
        if not value.uses or self.graph.is_output(value):
            return None
        last = max((use.node for use in value.uses), key=self.places.__getitem__)
        if not last.outputs:
            return None
        result = last.outputs[0]
        between = self.between(value, result)
        is_function = all(isinstance(op_def(node.op).alias, InPlace) for node in between)
        is_closed = _only_in(value, between) and self.private(between, result) == between
        return result if is_function and is_closed and _fit(value, result) else None


def _makes_channels(node: Node) -> bool:
    rule = op_def(node.op).channels
    return isinstance(rule, Produces) and node.operand(rule.weight).is_constant


def _is_simple(node: Node) -> bool:
    """Whether a node is depthwise or elementwise, reads one value beside constants and keeps its shape."""
    op = op_def(node.op)
    reads = [value for value in node.present_inputs() if not value.is_constant]
    is_kind = isinstance(op.channels, Grouped) or isinstance(op.alias, InPlace)
    return is_kind and reads == [op.source(node)] and reads[0].type.shape == node.outputs[0].type.shape


def _only_in(value: Value, nodes: Collection[Node]) -> bool:
    return all(use.node in nodes for use in value.uses)


def _fit(source: Value, result: Value) -> bool:
    return (source.type.shape, source.type.dtype) == (result.type.shape, result.type.dtype)


def _channels(groups: ChannelGroups, value: Value) -> Layout:
    return groups.axes.get(value.name, {}).get(len(value.type.shape) - 1, ())


def _are_alike(groups: ChannelGroups, left: Layout, right: Layout) -> bool:
    """Whether two axes are made up alike, of spaces that may be cut or of spaces that may not."""

    def describe(layout: Layout) -> list[tuple[int, int, int, bool]]:
        spaces = [(groups.space(segment.space), segment) for segment in layout]
        return [(segment.outer, space.size, segment.inner, space.frozen is None) for space, segment in spaces]

    return describe(left) == describe(right)
