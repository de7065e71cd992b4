"""From a model file to levels with the weights that they are shipped with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from threadpoolctl import threadpool_limits

from redsc.budgets import Budgets, Kernels
from redsc.compile.budgets import within_budgets
from redsc.cost.macs import graph_macs
from redsc.engine.rows import refusals
from redsc.errors import Diagnostic, LimitExceeded
from redsc.formats import Model, load_model
from redsc.ir import Graph, Shape, keeps_state
from redsc.limits import DEFAULT_LIMITS, Limits
from redsc.options import Options, Recovery
from redsc.passes import SIMPLIFY
from redsc.passes.base import Log, load_pass, run_passes
from redsc.passes.dequantize import real_samples
from redsc.passes.fuse_lookups import FuseLookups
from redsc.passes.int8 import is_int8, without_annotations
from redsc.passes.levels import Levels, choose_levels
from redsc.passes.nested import LevelSet, NestedWeights, plain_weights, protect_first
from redsc.passes.ptq import Quantized, dequantized_network, is_quantizable, quantize_network
from redsc.passes.realize import float_levels, realize_levels
from redsc.passes.recover.prepare import own_biases
from redsc.passes.recover.stages import recover_levels
from redsc.passes.schedule import Schedule
from redsc.passes.simplify.drop_border_conversions import DropBorderConversions
from redsc.passes.study import Study, float_source
from redsc.passes.tune.run import TuneProgress, tune
from redsc.progress import Progress, silent
from redsc.runtime.dataset import DataSet, load_data
from redsc.runtime.store import Store

__all__ = ["Choice", "plan_levels", "read_model"]


@dataclass(frozen=True, slots=True)
class Choice:
    """A model, the levels made of it, and what they were made with.

    `quantized` is the int8 form of a float network, `study` what data said about it, `cuts` and `weights` are the
    levels in float; all None where there was no need. `blocks` are the C engine's, for every level.
    """

    model: Model
    levels: Levels
    data: DataSet | None
    quantized: Quantized | None = None
    study: Study | None = None
    cuts: LevelSet | None = None
    weights: NestedWeights | None = None
    blocks: tuple[Mapping[str, int], ...] = ()


def read_model(
    path: Path | str,
    log: Log | None = None,
    limits: Limits = DEFAULT_LIMITS,
    shapes: Iterable[tuple[str, Shape]] = (),
) -> Model:
    """Read a model file and run the lossless passes over its graph; `shapes` are those of inputs it leaves open.

    Raises:
        UsageError: a shape does not fit the file.
        ModelError: the file cannot be read, is damaged, or would keep the runtimes busy for ever.
        UnsupportedError: the model has parts that redsc does not translate.
    """
    model = load_model(path, limits, dict(shapes))
    macs = graph_macs(model.graph)
    if macs > limits.macs:
        raise LimitExceeded(f"one inference takes {macs:,} MACs, the limit is {limits.macs:,}")
    run_passes(model.graph, [load_pass(where) for where in SIMPLIFY.values()], log or Log())
    return model


def plan_levels(path: Path | str, options: Options, progress: Progress = silent, log: Log | None = None) -> Choice:
    """Return the levels of a model file.

    1. A float model with data becomes int8, unless the options forbid it.
    2. With data, what cuts cost is measured on the float form of the network, and levels are recovered there; then
       every level becomes int8, over the integers that all share. An int8 model is dequantised for it.
    3. Without data levels are plain slices, and so are those of a network that keeps state.
    4. What the C engine has no kernel for is refused before an order or levels are looked for.

    The same inputs give the same bits, on any number of cores.

    Raises:
        RedscError: of the class that says what is wrong: usage, model, unsupported, budget.
    """
    with threadpool_limits(limits=1, user_api="blas"):  # sums depend on how many threads share them
        return _plan_levels(path, options, progress, log or Log())


def _plan_levels(path: Path | str, options: Options, progress: Progress, log: Log) -> Choice:
    progress("reading the model")
    model = read_model(path, log, shapes=options.shapes)
    run_passes(model.graph, [DropBorderConversions()] if options.int8_io else [], log)
    fuse = FuseLookups(options.budgets.kernels)
    run_passes(model.graph, [fuse], log)
    if not is_quantizable(model.graph, options.data is not None, options.quantization):
        _require_kernels(model.graph, options.budgets.kernels)
    run_passes(model.graph, [Schedule(options.budgets.kernels)], log)
    if options.cuts:
        model = replace(model, graph=own_biases(model.graph))
    data = None if options.data is None else load_data(options.data, model)
    source = None if data is None or keeps_state(model.graph) else float_source(model.graph, log)
    if data is not None and is_int8(model.graph):
        data = replace(data, samples=real_samples(model.graph, data.samples))
    quantized = _quantize(model.graph, source, data, options, progress, log)
    network = run_passes(_network(model.graph, source, quantized), [fuse], log)
    _require_kernels(network, options.budgets.kernels)
    study = None
    if source is not None and data is not None:
        study = Study.of(quantized.source if quantized else source, data, _store(options))

    def choose(budgets: Budgets) -> Choice:
        levels = choose_levels(network, replace(options, budgets=budgets), study, progress)
        if quantized:
            levels = replace(levels, diagnostics=(*quantized.diagnostics, *levels.diagnostics))
        if data is not None and keeps_state(network):
            levels = replace(levels, diagnostics=(_ONLY_MEASURED, *levels.diagnostics))
        return Choice(model, levels, data, quantized, study)

    return within_budgets(choose, lambda choice: _with_weights(choice, options, progress, log), options.budgets)


_ONLY_MEASURED = Diagnostic(
    "L112", "the network keeps state: levels are slices of its own numbers, data only measure them, as one stream"
)


def _quantize(
    graph: Graph, source: Graph | None, data: DataSet | None, options: Options, progress: Progress, log: Log
) -> Quantized | None:
    """Return the float network with its int8 form, None where there is only one of the two."""
    samples, settings = data.samples if data else [], options.quantization
    if is_int8(graph):
        return None if source is None else dequantized_network(graph, source, samples, settings)
    if not is_quantizable(graph, data is not None, settings):
        return None
    progress("calibrating")
    return quantize_network(graph if source is None else source, samples, settings, log)


def _network(graph: Graph, source: Graph | None, quantized: Quantized | None) -> Graph:
    """Return the network that levels are cut out of; an int8 file is itself, to the bit."""
    if is_int8(graph):
        return graph
    return quantized.graph if quantized else without_annotations(source or graph)


def _require_kernels(network: Graph, kernels: Kernels) -> None:
    """Check that the C engine can run a network, if it is to."""
    if kernels.are_ours and (error := refusals([network], kernels)):
        raise error


def _store(options: Options) -> Store:
    return Store.default() if options.uses_cache else Store(None)


def _with_weights(choice: Choice, options: Options, progress: Progress, log: Log) -> Choice:
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
        study.source,
        study.fit,
        study.held,
        study.task,
        options.tuning,
        protect_full=options.protect_full,
        progress=lambda now: progress(_tuning_text(now), now.step, now.steps),
        store=study.store,
    )
    log.change("tune", "levels", f"{options.tuning.steps} steps of {options.tuning.batch} samples")
    return found


def _tuning_text(now: TuneProgress) -> str:
    losses = ", ".join(f"{loss:.3f}" for loss in now.held.values())
    return f"tuning, loss of each level {losses}"
