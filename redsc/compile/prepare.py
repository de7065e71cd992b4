"""From a model file to what levels are chosen of: the network, what data say about it, the problem."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from redsc.choices import Kernels, Recurrent
from redsc.cost.liveness import live_pairs, live_ranges, peak_working_set
from redsc.cost.macs import graph_macs
from redsc.engine.rows import refusals
from redsc.errors import LimitExceeded
from redsc.formats import Model, load_model
from redsc.ir import Graph, Shape, keeps_state
from redsc.limits import DEFAULT_LIMITS, Limits
from redsc.options import Options
from redsc.passes import SIMPLIFY
from redsc.passes.base import Log, load_pass, run_passes
from redsc.passes.levels import pose_levels
from redsc.passes.losses.study import Study, float_source
from redsc.passes.quantize.dequantize import real_samples
from redsc.passes.quantize.fuse_lookups import FuseLookups
from redsc.passes.quantize.int8 import is_int8, without_annotations
from redsc.passes.quantize.ptq import Quantized, dequantized_network, is_quantizable, quantize_network
from redsc.passes.schedule import Schedule
from redsc.passes.select.problem import Problem
from redsc.passes.simplify.drop_border_conversions import DropBorderConversions
from redsc.passes.slice.own_biases import own_biases
from redsc.progress import Progress, silent
from redsc.runtime.data.dataset import DataSet, load_data
from redsc.store import Store

__all__ = ["Prepared", "prepare", "read_as", "read_model"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A model whose levels can be chosen.

    `network` is what they are cut out of, `quantized` the int8 form of a float network, `study` what data said
    about it; None where there is no need. `problem` is the same for all selectors, None where a plan is given.
    """

    model: Model
    network: Graph
    data: DataSet | None
    quantized: Quantized | None
    study: Study | None
    problem: Problem | None


def read_model(
    path: Path | str,
    log: Log | None = None,
    limits: Limits = DEFAULT_LIMITS,
    shapes: Iterable[tuple[str, Shape]] = (),
    states: Sequence[tuple[str, str]] = (),
    signature: str | None = None,
    recurrent: Recurrent = Recurrent.OP,
) -> Model:
    """Read a model file and run the lossless passes over its graph; what is given besides is as of `load_model`.

    Raises:
        UsageError: a shape does not fit the file, or a state is none.
        ModelError: the file cannot be read, is damaged, or would keep the runtimes busy for ever.
        UnsupportedError: the model has parts that redsc does not translate.
    """
    model = load_model(path, limits, dict(shapes), states, signature, recurrent)
    macs = graph_macs(model.graph)
    if macs > limits.macs:
        raise LimitExceeded(f"one inference takes {macs:,} MACs, the limit is {limits.macs:,}")
    pairs = live_pairs(live_ranges(model.graph).values())
    if pairs > limits.live_pairs:
        raise LimitExceeded(f"{pairs:,} pairs of tensors are live together, the limit is {limits.live_pairs:,}")
    run_passes(model.graph, [load_pass(where) for where in SIMPLIFY.values()], log or Log())
    return model


def read_as(path: Path | str, options: Options, log: Log | None = None) -> Model:
    """Read a model file as options say; see `read_model`."""
    given = (options.shapes, options.states, options.signature, options.recurrent)
    return read_model(path, log, DEFAULT_LIMITS, *given)


def prepare(path: Path | str, options: Options, progress: Progress = silent, log: Log | None = None) -> Prepared:
    """Read a model file, run the lossless passes, make it int8 where there are data, and measure what cuts cost.

    Raises:
        RedscError: of the class that says what is wrong: usage, model, unsupported.
    """
    log = log or Log()
    progress("reading the model")
    model = read_as(path, options, log)
    run_passes(model.graph, [DropBorderConversions()] if options.int8_io else [], log)
    fuse = FuseLookups(options.budgets.kernels)
    run_passes(model.graph, [fuse], log)
    if not is_quantizable(model.graph, options.data is not None, options.quantization):
        _require_kernels(model.graph, options.budgets.kernels)
    run_passes(model.graph, [Schedule(options.budgets.kernels)], log)
    _require_arena(model.graph, DEFAULT_LIMITS)
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
    problem = None if options.plan is not None else pose_levels(network, options, study, progress)
    return Prepared(model, network, data, quantized, study, problem)


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


def _require_arena(graph: Graph, limits: Limits) -> None:
    peak = peak_working_set(graph)
    if peak is not None and peak.nbytes > limits.arena_bytes:
        raise LimitExceeded(
            f"{peak.nbytes:,} B are live at {peak.node.name!r}, a network that is compiled may have "
            f"{limits.arena_bytes:,} B",
            hint="`redsc analyze` says what it needs",
        )


def _require_kernels(network: Graph, kernels: Kernels) -> None:
    """Check that the C engine can run a network, if it is to."""
    if kernels.are_ours and (error := refusals([network], kernels)):
        raise error


def _store(options: Options) -> Store:
    return Store.default() if options.uses_cache else Store(None)
