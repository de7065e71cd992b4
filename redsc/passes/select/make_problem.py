"""Pose the problem of choosing levels: which channels go first, and what every cut costs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from redsc.budgets import Budgets
from redsc.choices import Importance, Recovery
from redsc.cost.latency import LatencyBound, find_latency_table, library_of
from redsc.cost.macs import graph_macs
from redsc.errors import UsageError
from redsc.ir import Array, Graph
from redsc.options import Options
from redsc.passes.losses.importance import channel_order, consumer_energy, share_losses, skip_shares, weight_norm
from redsc.passes.losses.loss import Losses
from redsc.passes.losses.segments import cheap_segments
from redsc.passes.losses.sensitivity import measure_losses, measure_sizes, spread
from redsc.passes.losses.study import Study
from redsc.passes.select.problem import LevelRequest, Problem, legal_widths
from redsc.passes.slice.images import image_choices, image_problems, level_views
from redsc.passes.slice.permute import permute_channels
from redsc.passes.slice.plan import LevelPlan, ceiling_macs
from redsc.passes.spaces.consumers import row_channels, row_lengths
from redsc.passes.spaces.groups import find_channel_groups
from redsc.passes.spaces.space import ChannelGroups
from redsc.passes.spaces.structure import Structure, find_structure
from redsc.progress import Progress, silent
from redsc.runtime.data.view import Size, View
from redsc.runtime.observe.moments import observe_moments
from redsc.targets import tables_of

__all__ = ["given_problem", "latency_bound", "make_problem"]

ChannelOrder = Mapping[str, tuple[int, ...]]
_SAMPLES = 512  # variances have settled long before


def make_problem(
    graph: Graph, options: Options, names: tuple[str, ...], study: Study | None = None, progress: Progress = silent
) -> Problem:
    """Return the problem of choosing widths: channels ordered by importance, and what each cut costs.

    Both are measured where a study of the network in float form is given, else read from the weights. Where data
    say that segments of a chain may be skipped, these tie spaces together, and all is measured anew.
    """
    found, segments = _from_weights(graph, options), tuple[str, ...]()
    if study is not None:
        found = _measured(found, options, study, progress)
        if segments := _segments(graph, found, options, study, progress):
            found = _measured(_from_weights(graph, options, segments), options, study, progress, segments)
    views, sizes, macs = level_views(options, names), image_choices(options), graph_macs(graph)
    if problems := [*image_problems(graph, views.items()), *_choice_problems(graph, sizes)]:
        raise UsageError("levels cannot see these images", code="U222", evidence=problems)
    losses = found.losses
    if study is not None and (wanted := {*sizes, *(view.size for view in views.values() if view.size)}):
        samples = study.fit.samples
        losses = replace(losses, sizes=measure_sizes(study.source, sorted(wanted), samples, study.task))
    return Problem(
        graph=permute_channels(graph, found.structure.groups, found.order),
        groups=found.structure.groups,
        order=found.order,
        requests=tuple(LevelRequest(name, ceiling_macs(name, macs), views[name]) for name in names),
        budgets=options.budgets,
        width_multiple=options.width_multiple,
        losses=losses,
        blocks=found.structure.blocks,
        latency=latency_bound(options.budgets),
        segments=segments,
        searching=options.searching,
        progress=progress,
        sizes=sizes,
    )


def given_problem(graph: Graph, structure: Structure, plan: LevelPlan, budgets: Budgets, multiple: int) -> Problem:
    """Return the problem whose networks are the levels of a given plan: none are asked for, no cut loses.

    Raises:
        UsageError: as `latency_bound` does.
    """
    return Problem(
        graph=permute_channels(graph, structure.groups, plan.order),
        groups=structure.groups,
        order=plan.order,
        requests=(),
        budgets=budgets,
        width_multiple=multiple,
        losses=Losses({}),
        blocks=structure.blocks,
        latency=latency_bound(budgets),
    )


def _choice_problems(graph: Graph, sizes: Sequence[Size]) -> Iterator[str]:
    """Yield why levels cannot have some of the sizes to choose from."""
    for size in sizes:
        yield from image_problems(graph, [("of any name", View(size=size))])


def latency_bound(budgets: Budgets) -> LatencyBound | None:
    """Return the bound on the time of the largest level, None where there is none.

    Raises:
        UsageError: a time without a target, or nothing is known of the target's time with these kernels.
    """
    if budgets.latency_us is None:
        return None
    if budgets.target is None:
        raise UsageError("--latency needs a target", code="U219", hint="write --target, `redsc targets` lists them")
    table = find_latency_table(budgets)
    if table is None:
        core, known = budgets.target.core, [costs.library for costs in tables_of(budgets.target)]
        hint = f"of {core} there are tables of {', '.join(known) or 'no library'}; docs/targets.md: add your own"
        message = f"--latency: nothing is known of the time of {library_of(budgets)} kernels on {core}"
        raise UsageError(message, code="U219", hint=hint)
    return LatencyBound(budgets.latency_us, table)


@dataclass(frozen=True, slots=True)
class _Findings:
    """What may be cut and skipped, which channels go last, and what each cut costs."""

    structure: Structure
    order: ChannelOrder
    losses: Losses


def _from_weights(graph: Graph, options: Options, segments: Collection[str] = ()) -> _Findings:
    """Return orders and losses as the weights show them."""
    structure = find_structure(graph, options.freeze, segments)
    norms = weight_norm(graph, structure.groups)
    losses = share_losses(norms, skip_shares(graph, structure.blocks))
    return _Findings(structure, channel_order(norms), losses)


def _measured(
    known: _Findings, options: Options, study: Study, progress: Progress, segments: Collection[str] = ()
) -> _Findings:
    """Return orders, losses and blocks as the float network shows them; what it does not know stays."""
    source = find_structure(study.source, options.freeze, segments)
    free = {space.name: space.size for space in known.structure.groups.free}
    common = {space.name for space in source.groups.free if free.get(space.name) == space.size}
    progress("observing the channels")
    scores = _scores(study, source.groups, options.importance)
    order = {**known.order, **{name: ids for name, ids in channel_order(scores).items() if name in common}}
    found = measure_losses(
        permute_channels(study.source, source.groups, order),
        source.groups,
        [block for block in source.blocks if block.name in known.structure.names],
        {space.name: legal_widths(space, options.width_multiple) for space in source.groups.free},
        study.fit.samples,
        study.task,
        partial(progress, "measuring what each cut costs"),
        study.store,
        solves=options.recovery is Recovery.NESTED or options.tuning is not None,
    )
    widths = {name: found.widths[name] if name in common else known.losses.widths[name] for name in free}
    blocks = tuple(block for block in known.structure.blocks if block.name in found.skips)
    structure = replace(known.structure, blocks=blocks)
    return _Findings(structure, order, Losses(widths, found.skips, measured=True))


def _segments(
    graph: Graph, known: _Findings, options: Options, study: Study, progress: Progress
) -> tuple[str, ...]:
    """Return the segments that a level may skip, by data; both forms of the network have them."""
    groups = find_channel_groups(study.source, options.freeze)
    told = partial(progress, "measuring what skipping costs")
    cheap = cheap_segments(study.source, groups, known.losses, study.fit.samples, study.task, told, study.store)
    return tuple(name for name in cheap if name in find_structure(graph, options.freeze, cheap).names)


def _scores(study: Study, groups: ChannelGroups, importance: Importance) -> Mapping[str, Array]:
    """Return the importance of every channel of the float network, per space name."""
    if importance is Importance.WEIGHTS:
        return weight_norm(study.source, groups)
    if importance is Importance.TAYLOR:
        from redsc.passes.tune.taylor import taylor_scores  # the extra redsc[tune]

        return taylor_scores(study.source, groups, study.fit, study.task)
    rows = row_lengths(study.source, groups), row_channels(study.source, groups)
    moments = observe_moments(study.source, spread(study.fit.samples, _SAMPLES), *rows)
    return consumer_energy(study.source, groups, moments)
