"""Post-training quantisation as a stage of the compile: the whole network first, then every level of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from redsc.cost.memory import measure_memory
from redsc.errors import Diagnostic, InternalError, UsageError, did_you_mean
from redsc.ir import Array, DType, Graph, Quant, verify_graph
from redsc.options import Kernels, Quantization
from redsc.passes.base import Log
from redsc.passes.calibrate import choose_scales
from redsc.passes.expand_log_softmax import ExpandLogSoftmax
from redsc.passes.groups import find_channel_groups
from redsc.passes.int8 import annotate, is_float_node
from redsc.passes.levels import Levels
from redsc.passes.permute import permute_channels
from redsc.passes.quantize import quantize, why_float
from redsc.passes.select.problem import Candidate
from redsc.passes.slice import slice_channels
from redsc.passes.tabulate import Tabulate
from redsc.passes.weight_scales import choose_weight_scales
from redsc.runtime.ranges import Range, observe_ranges

__all__ = ["Quantized", "is_annotated", "is_quantizable", "quantize_levels", "quantize_network"]

_CALIBRATION_SAMPLES = 512  # ranges have settled long before; more samples only cost time

Samples = Sequence[Sequence[Array]]


@dataclass(frozen=True, slots=True)
class Quantized:
    """A float network whose weights carry their scales, its int8 form, and the scales of its activations."""

    source: Graph
    graph: Graph
    scales: Mapping[str, Quant]
    samples: Samples
    settings: Quantization
    diagnostics: tuple[Diagnostic, ...]


def is_quantizable(graph: Graph, has_data: bool, settings: Quantization) -> bool:
    """Whether a network shall become int8: it computes in float only, and data or the file itself give scales.

    The scales of weights alone, as in a hybrid file, are not enough: without data nothing would become int8.
    """
    if not settings.enabled or any(value.type.dtype is DType.INT8 for value in graph.values()):
        return False
    return (has_data or is_annotated(graph)) and any(is_float_node(node) for node in graph.nodes)


def is_annotated(graph: Graph) -> bool:
    """Whether the file itself says how its activations become int8, as QDQ does."""
    return any(v.type.dtype is DType.FLOAT32 and v.type.quant is not None for v in graph.activations())


def quantize_network(graph: Graph, samples: Samples, settings: Quantization, log: Log) -> Quantized:
    """Return a float network with its int8 form; without samples only what the file says is known.

    Raises:
        UsageError: a name in `keep_float` is no operator, or the data make a value infinite.
    """
    _check_names(graph, settings.keep_float)
    samples = _some(samples)
    keep = frozenset(settings.keep_float)
    ranges = _ranges(graph, samples, settings)
    graph = annotate(graph, {})
    if ExpandLogSoftmax(ranges, keep).run(graph, log):
        ranges = _ranges(graph, samples, settings)
    scales = choose_scales(graph, ranges, keep)
    weights = choose_weight_scales(annotate(graph, scales), keep, settings.dense)
    made = quantize(annotate(graph, {**weights, **scales}), log, keep)
    Tabulate().run(made, log)
    _verify(made)
    source = annotate(graph, weights)
    return Quantized(source, made, scales, samples, settings, _islands(annotate(source, scales), made, keep))


def quantize_levels(
    levels: Levels, network: Quantized, freeze: Iterable[str] = (), kernels: Kernels = Kernels.SAFE
) -> Levels:
    """Return levels in which every network that was cut has activation scales of its own.

    Levels were chosen on slices of the int8 network. Each is built again: slice of the float network, whose weights
    carry the scales of the whole one, so that levels share integers; calibration; quantisation. Graph inputs and
    outputs keep the scales of the whole network.

    Raises:
        InternalError: a level is not what was chosen: its memory differs.
    """
    groups = find_channel_groups(network.source, freeze)
    permuted = permute_channels(network.source, groups, levels.plan.order)
    made = []
    for found in levels.networks:
        if found.widths == levels.full_widths:
            made.append(found)
            continue
        graph = _level(slice_channels(permuted, groups, found.widths), network)
        graph.name = found.graph.name
        candidate = Candidate(found.widths, graph, found.macs, measure_memory(graph, kernels))
        if candidate.memory != found.memory:
            raise InternalError(f"level {graph.name}: calibration changed its memory", code="I706")
        made.append(candidate)
    return replace(levels, networks=tuple(made), diagnostics=(*network.diagnostics, *levels.diagnostics))


def _level(source: Graph, network: Quantized) -> Graph:
    keep = frozenset(network.settings.keep_float)
    ranges = _ranges(source, network.samples, network.settings)
    scales = choose_scales(source, ranges, keep, like=network.scales)
    graph = quantize(annotate(source, scales), Log(), keep)
    Tabulate().run(graph, Log())
    _verify(graph)
    return graph


def _ranges(graph: Graph, samples: Samples, settings: Quantization) -> dict[str, Range]:
    return observe_ranges(graph, samples, settings.calibration) if samples else {}


def _some(samples: Samples) -> Samples:
    """Return at most so many samples, evenly spread over all."""
    if len(samples) <= _CALIBRATION_SAMPLES:
        return samples
    chosen = np.linspace(0, len(samples) - 1, _CALIBRATION_SAMPLES).astype(int)
    return [samples[index] for index in chosen]


def _verify(graph: Graph) -> None:
    try:
        verify_graph(graph)
    except Exception as error:
        raise InternalError("quantize left an invalid graph", code="I702", evidence=[str(error)]) from error


def _check_names(graph: Graph, keep_float: Iterable[str]) -> None:
    names = [node.name for node in graph.nodes]
    for name in keep_float:
        if name not in names:
            hint = did_you_mean(name, names) or "`--explain` and the SQNR table show the names"
            raise UsageError(f"--keep-float {name}: there is no such operator", code="U214", hint=hint)


def _islands(graph: Graph, made: Graph, keep_float: frozenset[str]) -> tuple[Diagnostic, ...]:
    """Return a note that says of every operator that stayed float why; those that became a table did not."""
    left = {(node.op, node.origin) for node in made.nodes}
    rows = [(node, why_float(node, keep_float)) for node in graph.nodes if is_float_node(node)]
    evidence = tuple(
        f"{node.op} {node.name!r}: {reason}" for node, reason in rows if reason and (node.op, node.origin) in left
    )
    if not evidence:
        return ()
    return (Diagnostic("L105", f"{len(evidence)} of {len(rows)} float operators stay float", evidence),)
