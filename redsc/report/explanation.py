"""Why a compile came out as it did: what bounds the peak, which bound holds, every change, every refusal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from redsc.errors import printable
from redsc.passes.base import LogEntry, Saving
from redsc.report.spaces import SpaceRow
from redsc.report.text import listed

__all__ = ["Bound", "Explanation", "LevelBounds", "LevelPeak", "explanation_lines"]

_MOST_NAMES = 8


@dataclass(frozen=True, slots=True)
class LevelPeak:
    """The RAM of one level: its arena's head, what no plan for this order and what no order can be below, in bytes.

    `where` says at which step most is live, and what. The bound over all orders is for results that lie over no
    operand; the head may be lower.
    """

    level: str
    head_bytes: int
    lower_bound_bytes: int
    order_bound_bytes: int
    where: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bound:
    """What all levels together take of a budget, None where there is no such budget."""

    name: str
    taken: int
    budget: int | None


@dataclass(frozen=True, slots=True)
class LevelBounds:
    """What keeps one level from being wider: `stops` has the spaces by the bound that their next width breaks."""

    level: str
    macs: int
    ceiling_macs: int
    stops: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a compile came out as it did.

    `spaces` are those that keep their width, with the reason; none where nothing was to be cut. `savings` are by
    pass, `log` has its changes and refusals in order.
    """

    peaks: tuple[LevelPeak, ...]
    bounds: tuple[Bound, ...]
    levels: tuple[LevelBounds, ...]
    spaces: tuple[SpaceRow, ...]
    savings: Mapping[str, Saving]
    log: tuple[LogEntry, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def explanation_lines(found: Explanation) -> Iterator[str]:
    """Yield the explanation as a page."""
    yield "what bounds the peak"
    for peak in found.peaks:
        yield from _indented(_peak_lines(peak))
    yield "\nwhich bound holds"
    yield from _indented(map(_bound_line, found.bounds))
    yield from _indented(map(_level_line, found.levels))
    if frozen := _grouped((space.frozen or "", space.name) for space in found.spaces):
        yield "\nwhat keeps its width"
        yield from _indented(f"{reason}: {listed(names, _MOST_NAMES)}" for reason, names in frozen.items())
    yield "\nchanges"
    changes = [entry for entry in found.log if not entry.is_refusal]
    for rule in dict.fromkeys(entry.rule for entry in changes):
        mine = [entry for entry in changes if entry.rule == rule]
        yield from _indented([_rule_line(rule, len(mine), found.savings.get(rule))])
        yield from _indented(f"  {entry.place}: {entry.sentence}" for entry in mine)
    if not changes:
        yield "  none"
    yield "\nrefusals"
    refused = _grouped((f"{entry.rule}: {entry.reason}", entry.place) for entry in found.log if entry.is_refusal)
    yield from _indented(f"{reason}: {', '.join(names)}" for reason, names in refused.items())
    if not refused:
        yield "  none"


def _peak_lines(peak: LevelPeak) -> Iterator[str]:
    head, least = peak.head_bytes, peak.lower_bound_bytes
    proof = "the least for this order" if head == least else f"at least {least:,} B for this order"
    yield f"level {peak.level}: the arena's head is {head:,} B, {proof}"
    yield f"  without results over operands no order has less than {peak.order_bound_bytes:,} B"
    yield from (f"  {line}" for line in peak.where)


def _bound_line(bound: Bound) -> str:
    if bound.budget is None:
        return f"{bound.name:<8} {bound.taken:,}, no budget"
    return f"{bound.name:<8} {bound.taken:,} of {bound.budget:,}, {bound.budget - bound.taken:,} are left"


def _level_line(level: LevelBounds) -> str:
    """Return what keeps a level from being wider."""
    macs = f"level {level.level}: {level.macs:,} of {level.ceiling_macs:,} MACs"
    if not level.stops:
        return f"{macs}, all of its spaces have their full width"
    parts = (f"{bound} (of {listed(names, _MOST_NAMES)})" for bound, names in level.stops.items())
    return f"{macs}; the next width would break {', '.join(parts)}"


def _rule_line(rule: str, count: int, saved: Saving | None) -> str:
    number = f"{count} change{'s' if count > 1 else ''}"
    if saved is None:
        return f"{rule}: {number}"
    less, growth = saved.activation_bytes, -saved.constant_bytes
    return f"{rule}: {number}, {less:,} B of activations less, {growth:+,} B of constants"


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """Return names by what they have in common, each once."""
    found: dict[str, dict[str, None]] = {}
    for key, name in pairs:
        found.setdefault(key, {})[name] = None
    return {key: tuple(names) for key, names in found.items()}


def _indented(lines: Iterable[str]) -> Iterator[str]:
    yield from (f"  {printable(line)}" for line in lines)
