"""From a prepared model to levels, and to those with the weights that they are shipped with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from redsc.choices import Recovery
from redsc.compile.prepare import Prepared
from redsc.errors import Diagnostic
from redsc.formats import Model
from redsc.ir import Graph, keeps_state
from redsc.options import Options
from redsc.passes.base import Log
from redsc.passes.levels import Levels, choose_levels
from redsc.passes.losses.study import Study
from redsc.passes.quantize.int8 import is_int8
from redsc.passes.quantize.ptq import Quantized
from redsc.passes.realize import float_levels, realize_levels
from redsc.passes.recover.stages import recover_levels
from redsc.passes.slice.nested import LevelSet, NestedWeights, plain_weights, protect_first
from redsc.passes.tune.run import TuneProgress, tune
from redsc.progress import Progress
from redsc.runtime.data.dataset import DataSet

__all__ = ["Choice", "choose", "with_weights"]


@dataclass(frozen=True, slots=True)
class Choice:
    """A model, the levels made of it, the network they were cut out of, and what they were made with.

    `quantized` is the int8 form of a float network, `study` what data said about it, `cuts` and `weights` are the
    levels in float; all None where there was no need. `blocks` are the C engine's, for every level.
    """

    model: Model
    levels: Levels
    network: Graph
    data: DataSet | None
    quantized: Quantized | None = None
    study: Study | None = None
    cuts: LevelSet | None = None
    weights: NestedWeights | None = None
    blocks: tuple[Mapping[str, int], ...] = ()


def choose(prepared: Prepared, options: Options) -> Choice:
    """Return levels of a prepared model, as they are before recovery."""
    levels = choose_levels(prepared.network, options, prepared.problem)
    if prepared.quantized:
        levels = replace(levels, diagnostics=(*prepared.quantized.diagnostics, *levels.diagnostics))
    if prepared.data is not None and keeps_state(prepared.network):
        levels = replace(levels, diagnostics=(_ONLY_MEASURED, *levels.diagnostics))
    return Choice(prepared.model, levels, prepared.network, prepared.data, prepared.quantized, prepared.study)


_ONLY_MEASURED = Diagnostic(
    "L112", "the network keeps state: no level is recovered; data give scales and measure levels, as one stream"
)


def with_weights(choice: Choice, options: Options, progress: Progress, log: Log) -> Choice:
    """Return a choice whose levels have recovered weights, and activation scales of their own in int8."""
    study, quantized = choice.study, choice.quantized
    if study is None and quantized is None:
        return choice
    source = study.source if study else quantized.source  # type: ignore[union-attr]
    scaled = quantized.scaled_weights if quantized else frozenset()
    cuts = float_levels(source, choice.levels.plan, options.freeze, scaled)
    weights = plain_weights(cuts)
    if study is not None and not cuts.is_uncut:
        weights = _recover(cuts, study, options, progress, log)
    if study is not None and not all(map(choice.levels.is_whole, range(len(choice.levels.networks)))):
        weights = _tune(cuts, weights, study, options, progress, log)
    if is_int8(choice.model.graph) and weights == plain_weights(cuts):
        return choice  # the integers as they are
    progress("calibrating the levels")
    levels = realize_levels(choice.levels, cuts, weights, quantized, options.budgets)
    return replace(choice, levels=levels, cuts=cuts, weights=weights)


def _recover(cuts: LevelSet, study: Study, options: Options, progress: Progress, log: Log) -> NestedWeights:
    """Return the weights of the levels, recovered as the options allow; the log says what was done."""
    if options.recovery is Recovery.OFF:
        return plain_weights(cuts)
    found = recover_levels(
        cuts,
        study,
        may_share=options.recovery is Recovery.NESTED,
        keeps_first=options.protect_full,
        progress=progress,
    )
    for step in found.steps:
        log.change("recover", "levels", step)
    return found.weights


def _tune(
    cuts: LevelSet, weights: NestedWeights, study: Study, options: Options, progress: Progress, log: Log
) -> NestedWeights:
    """Return the weights of the levels after distillation from the original, where the options ask for it."""
    if options.tuning is None:
        return weights
    progress("starting to tune")
    found = tune(
        cuts,
        protect_first(weights) if options.protect_full else weights,
        study,
        options.tuning,
        protect_full=options.protect_full,
        progress=lambda now: progress(_tuning_text(now), now.step, now.steps),
    )
    log.change("tune", "levels", f"{options.tuning.steps} steps of {options.tuning.batch} samples")
    return found


def _tuning_text(now: TuneProgress) -> str:
    losses = ", ".join(f"{loss:.3f}" for loss in now.held.values())
    return f"tuning, loss of each level {losses}"
