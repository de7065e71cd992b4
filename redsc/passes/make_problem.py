"""Pose the problem of choosing levels: which channels go first, and what every cut costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from redsc.cost.latency import LATENCY_TABLES, LatencyBound
from redsc.cost.macs import graph_macs
from redsc.errors import UsageError
from redsc.ir import Array, Graph
from redsc.options import Budgets, Importance, Options
from redsc.passes.blocks import SkipBlock, find_blocks
from redsc.passes.consumers import row_lengths
from redsc.passes.groups import find_channel_groups
from redsc.passes.importance import channel_order, consumer_energy, share_losses, skip_shares, weight_norm
from redsc.passes.losses import Losses
from redsc.passes.permute import permute_channels
from redsc.passes.plan import ceiling_macs
from redsc.passes.select.problem import LevelRequest, Problem, legal_widths
from redsc.passes.sensitivity import measure_losses, spread
from redsc.passes.spaces import ChannelGroups
from redsc.passes.study import Study
from redsc.runtime.moments import observe_moments

__all__ = ["Progress", "latency_bound", "make_problem"]

Progress = Callable[[str], None]
Order = Mapping[str, tuple[int, ...]]
_SAMPLES = 512  # variances have settled long before


def _silent(_stage: str) -> None: ...


def make_problem(
    graph: Graph, options: Options, names: tuple[str, ...], study: Study | None = None, progress: Progress = _silent
) -> Problem:
    """Return the problem of choosing widths: channels ordered by importance, and what each cut costs.

    Both are measured where a study of the network in float form is given, else read from the weights.
    """
    groups = find_channel_groups(graph, options.freeze)
    blocks = find_blocks(graph, groups)
    norms = weight_norm(graph, groups)
    losses = share_losses(norms, skip_shares(graph, blocks))
    order: Order = channel_order(norms)
    if study is not None:
        order, losses, blocks = _measured(groups, blocks, order, losses, options, study, progress)
    macs = graph_macs(graph)
    requests = tuple(LevelRequest(name, ceiling_macs(name, macs)) for name in names)
    permuted = permute_channels(graph, groups, order)
    latency = latency_bound(options.budgets)
    return Problem(
        permuted, groups, order, requests, options.budgets, options.width_multiple, losses, blocks, latency
    )


def latency_bound(budgets: Budgets) -> LatencyBound | None:
    """Return the bound on the time of the largest level, None where there is none.

    Raises:
        UsageError: an unknown target, or a time without one.
    """
    table = LATENCY_TABLES.get(budgets.target or "")
    if table is None and (budgets.target or budgets.latency_us is not None):
        known = " or ".join(LATENCY_TABLES)
        raise UsageError("--latency needs a target that is known", code="U219", hint=f"write --target {known}")
    return None if table is None or budgets.latency_us is None else LatencyBound(budgets.latency_us, table)


def _measured(
    groups: ChannelGroups,
    blocks: tuple[SkipBlock, ...],
    order: Order,
    losses: Losses,
    options: Options,
    study: Study,
    progress: Progress,
) -> tuple[Order, Losses, tuple[SkipBlock, ...]]:
    """Return orders, losses and blocks as the float network shows them; what it does not know stays."""
    source = find_channel_groups(study.source, options.freeze)
    free = {space.name: space for space in groups.free}
    common = {space.name for space in source.free if space.name in free and free[space.name].size == space.size}
    progress("observing the channels")
    scores = _scores(study, source, options.importance)
    order = {**order, **{name: ids for name, ids in channel_order(scores).items() if name in common}}
    permuted = permute_channels(study.source, source, order)
    names = {block.name for block in find_blocks(study.source, source)}
    blocks = tuple(block for block in blocks if block.name in names)
    asked = [block for block in find_blocks(permuted, source) if block.name in {b.name for b in blocks}]
    legal = {space.name: legal_widths(space, options.width_multiple) for space in source.free}
    found = measure_losses(
        permuted,
        source,
        asked,
        legal,
        study.fit.samples,
        study.task,
        lambda done, total: progress(f"measuring what each cut costs ({done} of {total})"),
        study.store,
    )
    widths = {name: found.widths[name] if name in common else losses.widths[name] for name in free}
    return order, Losses(widths, found.skips, measured=True), blocks


def _scores(study: Study, groups: ChannelGroups, importance: Importance) -> Mapping[str, Array]:
    """Return the importance of every channel of the float network, per space name."""
    if importance is Importance.WEIGHTS:
        return weight_norm(study.source, groups)
    if importance is Importance.TAYLOR:
        from redsc.passes.tune.taylor import taylor_scores  # the extra redsc[tune]

        return taylor_scores(study.source, groups, study.fit, study.task)
    moments = observe_moments(study.source, spread(study.fit.samples, _SAMPLES), row_lengths(study.source, groups))
    return consumer_energy(study.source, groups, moments)
