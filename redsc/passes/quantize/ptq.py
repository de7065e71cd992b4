"""Post-training quantisation as a stage of the compile: of the whole network, then of every level."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from redsc.errors import Diagnostic, InternalError, UsageError, did_you_mean
from redsc.ir import FRONT_END_OPS, Array, DType, Graph, Quant, keeps_state, lasting_states, verify_graph
from redsc.options import Quantization
from redsc.passes.base import Log
from redsc.passes.quantize.calibrate import choose_scales
from redsc.passes.quantize.cell_scales import with_cell_scales
from redsc.passes.quantize.expand_log_softmax import ExpandLogSoftmax
from redsc.passes.quantize.functions import inner_values
from redsc.passes.quantize.int8 import annotate, is_float_node, why_float
from redsc.passes.quantize.quantize import quantize
from redsc.passes.quantize.tabulate import Tabulate
from redsc.passes.quantize.weight_scales import choose_weight_scales
from redsc.passes.slice.nested import weight_axes
from redsc.runtime.observe.ranges import Range, observe_ranges

__all__ = ["Quantized", "dequantized_network", "is_annotated", "is_quantizable", "quantize_cut", "quantize_network"]

_CALIBRATION_SAMPLES = 512  # ranges have settled long before; more samples only cost time

Samples = Sequence[Sequence[Array]]


@dataclass(frozen=True, slots=True)
class Quantized:
    """A float network whose weights note their scales, its int8 form, and all scales.

    `is_file` says that the int8 form is that of the model file.
    """

    source: Graph
    graph: Graph
    scales: Mapping[str, Quant]
    weight_scales: Mapping[str, Quant]
    samples: Samples
    settings: Quantization
    diagnostics: tuple[Diagnostic, ...] = ()
    is_file: bool = False

    @property
    def scaled_weights(self) -> frozenset[str]:
        """The weights with a scale per output channel: a level may have other ones at no cost but their bytes."""
        return frozenset(name for name, quant in self.weight_scales.items() if quant.is_per_channel)


def is_quantizable(graph: Graph, has_data: bool, settings: Quantization) -> bool:
    """Whether a network shall become int8: it computes in float only, and data or the file itself give scales.

    The scales of weights alone, as in a hybrid file, are not enough: without data nothing would become int8. A
    network with recurrent layers that keep a state of their own stays as it is, as does one behind tflite-micro's
    audio front end.
    """
    if (
        not settings.enabled
        or any(lasting_states(graph))
        or any(node.op in FRONT_END_OPS for node in graph.nodes)
        or any(value.type.dtype is DType.INT8 for value in graph.values())
    ):
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
    samples = _some(samples, graph)
    keep = frozenset(settings.keep_float)
    ranges = _ranges(graph, samples, settings)
    graph = with_cell_scales(annotate(graph, {}), samples, keep)
    if ExpandLogSoftmax(ranges, keep).run(graph, log):
        ranges = _ranges(graph, samples, settings)
    inside = inner_values(graph, keep)
    scales = {name: quant for name, quant in choose_scales(graph, ranges, keep).items() if name not in inside}
    weights = choose_weight_scales(annotate(graph, scales), keep, settings.dense)
    made = quantize(annotate(graph, {**weights, **scales}), log, keep)
    Tabulate().run(made, log)
    _verify(made)
    source = annotate(graph, weights)
    return Quantized(
        source, made, scales, weights, samples, settings, _islands(annotate(source, scales), made, keep)
    )


def dequantized_network(graph: Graph, source: Graph, samples: Samples, settings: Quantization) -> Quantized:
    """Return an int8 network of a file with its float form; `quantize_network` starts from the other end.

    Args:
        graph: the int8 network.
        source: what `dequantize` made of it; all scales are noted there.
        samples: of the float form.
        settings: how levels are calibrated.
    """
    weights = {value.name: value.type.quant for value in source.constants() if value.name in weight_axes(source)}
    known = {value.name: value.type.quant for value in source.values() if value.type.dtype is DType.FLOAT32}
    scales = {name: quant for name, quant in known.items() if quant is not None and name not in weights}
    plain = annotate(source, dict.fromkeys(scales))
    noted = {name: quant for name, quant in weights.items() if quant is not None}
    return Quantized(
        plain, graph, scales, noted, _some(samples, source), replace(settings, keep_float=()), is_file=True
    )


def quantize_cut(source: Graph, network: Quantized) -> Graph:
    """Return the int8 form of a level's float graph.

    Weights that note scales keep them: levels share integers. Activations have ranges of their own, graph inputs
    and outputs the scales of the whole network. What is float there is float here.
    """
    keep = frozenset(network.settings.keep_float)
    ranges = _ranges(source, network.samples, network.settings)
    chosen = choose_scales(source, ranges, keep, like=network.scales)
    scales = {name: quant for name, quant in chosen.items() if name in network.scales}
    annotated, dense = annotate(source, scales), network.settings.dense
    weights = choose_weight_scales(annotated, keep, dense, network.weight_scales)
    graph = quantize(annotate(source, {**weights, **scales}), Log(), keep)
    if not network.is_file:
        Tabulate().run(graph, Log())
    _verify(graph)
    return graph


def _ranges(graph: Graph, samples: Samples, settings: Quantization) -> dict[str, Range]:
    return observe_ranges(graph, samples, settings.calibration) if samples else {}


def _some(samples: Samples, graph: Graph) -> Samples:
    """Return at most so many samples, evenly spread over all; the first ones of a stream."""
    if len(samples) <= _CALIBRATION_SAMPLES or keeps_state(graph):
        return samples[:_CALIBRATION_SAMPLES]
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
