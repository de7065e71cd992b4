"""Which segments of a chain a level may skip: what data say costs no more than half of their channels.

Without a shortcut around it a trained layer is hardly ever the identity: among real networks none was found. Where
one is, leaving it out saves about as many MACs as halving the channels behind it does.
"""

from __future__ import annotations

from collections.abc import Sequence

from redsc.ir import Array, Graph
from redsc.passes.losses.loss import Losses
from redsc.passes.losses.sensitivity import Count, measure_losses
from redsc.passes.spaces.blocks import SkipBlock, find_chain_blocks
from redsc.passes.spaces.space import ChannelGroups, Space
from redsc.runtime.evaluate.task import Task
from redsc.store import Store

__all__ = ["cheap_segments"]


def cheap_segments(
    source: Graph,
    groups: ChannelGroups,
    losses: Losses,
    samples: Sequence[Sequence[Array]],
    task: Task,
    progress: Count,
    store: Store,
) -> tuple[str, ...]:
    """Return the names of the segments that a level may skip.

    Args:
        source: the float network, its channels as they came: those before and behind a segment match by number.
        groups: its channel spaces, none tied for the sake of a segment.
        losses: what cutting these costs.
        samples: as those that `losses` were measured on.
        task: the same.
        progress: as in `measure_losses`.
        store: the same.

    Raises:
        UsageError, ExecutorError: as `measure_losses`.
    """
    spaces = {block: _spaces(groups, block) for block in find_chain_blocks(source, groups)}
    candidates = [block for block, found in spaces.items() if all(space.frozen is None for space in found)]
    if not candidates:
        return ()
    uncut = {space.name: (space.size,) for space in groups.free}
    skips = measure_losses(source, groups, candidates, uncut, samples, task, progress, store).skips
    halves = {block: sum(losses.of_width(s.name, s.size // 2) for s in spaces[block]) for block in candidates}
    return tuple(block.name for block in candidates if skips[block.name] <= halves[block])


def _spaces(groups: ChannelGroups, block: SkipBlock) -> list[Space]:
    """Return the spaces of the channels that a segment makes."""
    layouts = groups.axes.get(block.result, {}).values()
    return [groups.space(segment.space) for layout in layouts for segment in layout]
