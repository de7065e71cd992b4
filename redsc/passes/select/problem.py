"""What a selector searches: widths for the free channel spaces of one permuted graph, under budgets.

Every candidate is a really sliced graph: its MACs and its memory are those of the network that would be shipped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import gcd
from typing import Literal

from redsc.budgets import Budgets
from redsc.choices import Sharing
from redsc.cost.arena import Effort
from redsc.cost.latency import LatencyBound
from redsc.cost.macs import graph_macs
from redsc.cost.memory import NetworkMemory, measure_memory, resident_bytes
from redsc.errors import Diagnostic
from redsc.ir import Graph
from redsc.options import Searching
from redsc.passes.flash import levels_flash
from redsc.passes.losses.loss import Losses
from redsc.passes.slice.nested import sized_level
from redsc.passes.slice.plan import Level, LevelPlan, ceiling_name
from redsc.passes.slice.resize_inputs import image_size, resize_inputs
from redsc.passes.slice.strided import share_with
from redsc.passes.spaces.blocks import SkipBlock, outermost_blocks
from redsc.passes.spaces.space import ChannelGroups, Space
from redsc.progress import Progress, silent
from redsc.runtime.data.view import WHOLE, Size, View

__all__ = ["Candidate", "LevelRequest", "Problem", "Selection", "Solver", "Widths", "legal_widths", "live_spaces"]

Widths = Mapping[str, int]
Status = Literal["optimal", "gap", "heuristic", "given"]


@dataclass(frozen=True, slots=True)
class LevelRequest:
    """A level that is asked for: its name, the MACs it must not exceed, and what it sees of the image."""

    name: str
    ceiling_macs: int
    view: View = WHOLE


@dataclass(frozen=True, slots=True)
class Candidate:
    """One network and what it costs.

    `shipped` is its graph as a slot of the container has it, beside larger levels: its memory is that of this.
    """

    widths: Widths
    graph: Graph
    macs: int
    memory: NetworkMemory
    shipped: Graph
    skipped: tuple[str, ...] = ()
    view: View = WHOLE

    def level(self, name: str = "") -> Level:
        """Return the network as a level of a plan."""
        return Level(name, self.widths, self.skipped, self.view.size, self.view.crop)


@dataclass(frozen=True, slots=True)
class Solver:
    """How good a plan is known to be.

    status: `optimal` (no plan loses less), `gap` (none loses less than `bound`), `heuristic` (nothing is proven),
        `given` (nothing was searched).
    objective: the loss of the levels that were chosen, summed.
    gap: the share of what was found that the best may lose less, at most.
    grid: the most widths per space among which this is proven, None where they are all legal ones. With others a
        plan may lose still less than the best of the grid: then the bound is its objective.
    """

    status: Status
    objective: float | None = None
    bound: float | None = None
    gap: float | None = None
    grid: int | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """What a selector found, and what the user should know about it."""

    plan: LevelPlan
    diagnostics: tuple[Diagnostic, ...] = ()
    solver: Solver = Solver("given")


def legal_widths(space: Space, multiple: int) -> tuple[int, ...]:
    """Return the widths a space may have, ascending: those that cut layers by multiples, and its full size."""
    step = multiple // gcd(multiple, space.quantum)
    return (*range(step, space.size, step), space.size)


def live_spaces(graph: Graph, groups: ChannelGroups) -> set[str]:
    """Return the names of the spaces that a graph still has: those of skipped blocks alone are gone."""
    layouts = (layout for value in graph.values() for layout in groups.axes.get(value.name, {}).values())
    return {groups.space(segment.space).name for layout in layouts for segment in layout}


@dataclass(frozen=True, slots=True)
class Problem:
    """The graph, already permuted by `order`; requests, the largest first; budgets for all levels together.

    `losses` says what each cut costs, `blocks` what a level may leave out, `latency` how long the largest may take.
    `segments` are the names of the blocks that tie spaces together. `searching` is what some selectors ask besides,
    `progress` is told what takes long.

    With `first`, the levels lie below this one, and read its weights as the budgets say. `sizes`, the largest
    first, are those that the images of levels may have instead of the whole one; selectors take what the requests
    see for given.
    """

    graph: Graph
    groups: ChannelGroups
    order: Mapping[str, tuple[int, ...]]
    requests: tuple[LevelRequest, ...]
    budgets: Budgets
    width_multiple: int
    losses: Losses
    blocks: tuple[SkipBlock, ...] = ()
    latency: LatencyBound | None = None
    segments: tuple[str, ...] = ()
    searching: Searching = Searching()
    progress: Progress = field(default=silent, repr=False, compare=False)
    first: Candidate | None = None
    sizes: tuple[Size, ...] = ()
    _cache: dict[tuple[object, ...], Candidate] = field(default_factory=dict, repr=False, compare=False)

    @property
    def full(self) -> dict[str, int]:
        """The widths of the whole network."""
        return {space.name: space.size for space in self.groups.free}

    @property
    def narrowest(self) -> dict[str, int]:
        """The least legal widths."""
        return {space.name: self.legal(space.name)[0] for space in self.groups.free}

    def legal(self, name: str) -> tuple[int, ...]:
        """Return the legal widths of a space, ascending."""
        (space,) = (space for space in self.groups.free if space.name == name)
        return legal_widths(space, self.width_multiple)

    @property
    def whole(self) -> Candidate:
        """The network of which nothing is cut."""
        return self.candidate(self.full)

    @property
    def least(self) -> Candidate:
        """The network of which nothing can be left out any more, for what the smallest level sees."""
        return self.least_for(self.requests[-1].view)

    def least_for(self, view: View) -> Candidate:
        """Return the network of which nothing can be left out any more."""
        return self.candidate(self.narrowest, [block.name for block in self.blocks], view)

    def candidate(self, widths: Widths, skipped: Sequence[str] = (), view: View = WHOLE) -> Candidate:
        """Return the network with these widths, without these blocks, for what it sees; asked twice it is the same.

        Raises:
            UsageError: the network does not take images of this size.
        """
        key = (view, *(widths[space.name] for space in self.groups.free), *sorted(skipped))
        if key not in self._cache:
            level = Level("", widths, tuple(skipped), view.size, view.crop)
            graph = sized_level(self.graph, self.groups, self.blocks, level)
            shipped = self.shipped(graph)
            memory = measure_memory(shipped, self.budgets.kernels, effort=Effort.QUICK)
            self._cache[key] = Candidate(
                dict(widths), graph, graph_macs(graph), memory, shipped, tuple(skipped), view
            )
        return self._cache[key]

    def network(self, level: Level) -> Candidate:
        """Return the network of a level."""
        return self.candidate(level.widths, level.skipped, level.view)

    def beside(self, first: Candidate) -> Problem:
        """Return the problem of choosing levels below one."""
        return replace(self, first=first, _cache={})

    def at(self, size: Size) -> Problem:
        """Return the same problem for images of this size."""
        requests = tuple(replace(request, view=WHOLE) for request in self.requests)
        return replace(self, graph=resize_inputs(self.graph, size), requests=requests, sizes=(), _cache={})

    def networks(self, levels: Sequence[Level]) -> list[Candidate]:
        """Return the networks of a plan's levels, the largest first; the others lie beside it."""
        first = self.network(levels[0])
        return [first, *map(self.beside(first).network, levels[1:])]

    def shipped(self, graph: Graph) -> Graph:
        """Return a level, or a part of one, as its slot has it."""
        if self.first is None or self.budgets.slots is Sharing.COPIES:
            return graph
        return share_with(self.first.graph, graph)

    @property
    def image_size(self) -> Size:
        """Height and width of the whole image."""
        return image_size(self.graph)

    def ceiling_macs(self, request: LevelRequest) -> int:
        """Return the MACs that a level may take: no level takes more than slot 0, which keeps the budget."""
        most = self.budgets.macs
        return request.ceiling_macs if most is None else min(request.ceiling_macs, most)

    def real_name(self, level: Candidate) -> str:
        """Return the percentage of the whole network's MACs that a level takes: its name where it has no other."""
        return ceiling_name(level.macs, self.whole.macs)

    def loss(self, level: Candidate) -> float:
        """Return what a level loses: the sum over its spaces, the (outer) blocks that it skips, and its image."""
        spaces = live_spaces(level.graph, self.groups)
        widths = (self.losses.of_width(name, width) for name, width in level.widths.items() if name in spaces)
        skipped = outermost_blocks(block for block in self.blocks if block.name in level.skipped)
        size = self.losses.of_size(level.view.input_size)
        return size + sum(widths) + sum(self.losses.of_skip(block.name) for block in skipped)

    def fits(self, levels: Sequence[Candidate]) -> bool:
        """Whether these levels together meet every budget."""
        budgets = self.budgets
        return (
            (budgets.macs is None or levels[0].macs <= budgets.macs)
            and (budgets.ram_bytes is None or self.ram(levels) <= budgets.ram_bytes)
            and (budgets.flash_bytes is None or self.flash(levels) <= budgets.flash_bytes)
            and (self.latency is None or self.microseconds(levels[0]) <= self.latency.microseconds)
        )

    def ram(self, levels: Sequence[Candidate]) -> int:
        """Return the RAM of these levels, in bytes."""
        return resident_bytes([level.memory for level in levels], self.budgets.resident)

    def flash(self, levels: Sequence[Candidate]) -> int:
        """Return the bytes of these levels in flash, with the kernels that they need."""
        slots, memory = [level.shipped for level in levels], [level.memory for level in levels]
        return levels_flash(slots, memory, self.budgets.kernels)

    def microseconds(self, level: Candidate) -> int:
        """Return the estimated time of an inference by the table of the bound, 0 where there is no bound."""
        return 0 if self.latency is None else self.latency.table.microseconds(level.graph)
