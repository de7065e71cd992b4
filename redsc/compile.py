"""The order of the stages: model file -> levels -> container -> verified files. The only place that knows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from redsc.codegen.c_files import render_c_files
from redsc.codegen.container import build_container, is_container, slot_bytes, slot_count
from redsc.codegen.firmware import describe_firmware
from redsc.codegen.names import c_identifier
from redsc.codegen.oracles import Verification, verify_import, verify_levels, verify_slots
from redsc.cost.macs import graph_macs
from redsc.cost.memory import measure_memory
from redsc.errors import Diagnostic, LimitExceeded, UsageError
from redsc.formats import Model, load_model, planned_offsets, read_tflite, write_tflite
from redsc.ir import DType, Graph, Shape
from redsc.limits import DEFAULT_LIMITS, Limits
from redsc.options import Options, level_name
from redsc.passes import SIMPLIFY
from redsc.passes.base import Log, load_pass, run_passes
from redsc.passes.int8 import without_annotations
from redsc.passes.levels import Levels, choose_levels
from redsc.passes.ptq import Quantized, is_annotated, is_quantizable, quantize_levels, quantize_network
from redsc.passes.schedule import Schedule
from redsc.passes.simplify.drop_border_conversions import DropBorderConversions, float_border_note
from redsc.report.build import build_report
from redsc.report.data import Report
from redsc.runtime.dataset import DataSet, data_warnings, load_data
from redsc.runtime.quality import Quality, measure_levels
from redsc.runtime.sqnr import LayerSQNR, measure_sqnr

__all__ = ["Artefact", "Choice", "compile_model", "plan_levels", "read_model", "slice_level", "verify_container"]

Progress = Callable[[str], None]
_SQNR_SAMPLES = 32
_NO_OPTIONS = Options()


@dataclass(frozen=True, slots=True)
class Artefact:
    """What a compile makes: `files` by name, ready to write, the report among them.

    `choice` is what it was made of.
    """

    name: str
    report: Report
    files: dict[str, bytes]
    log: Log
    choice: Choice

    def layer_sqnr(self) -> list[LayerSQNR]:
        """Measure the SQNR of every layer, on some of the samples; none where no float model became int8."""
        choice = self.choice
        if choice.quantized is None or choice.data is None:
            return []
        return measure_sqnr(choice.model.graph, choice.quantized.graph, choice.quantized.samples[:_SQNR_SAMPLES])


@dataclass(frozen=True, slots=True)
class Choice:
    """A model, the levels made of it, and what they were made with; `quantized` where a float model became int8."""

    model: Model
    levels: Levels
    data: DataSet | None
    quantized: Quantized | None


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


def compile_model(path: Path | str, options: Options, progress: Progress = lambda _stage: None) -> Artefact:
    """Compile a model file. Nothing is written; `Artefact.files` holds what belongs on disk.

    Raises:
        RedscError: of the class that says what is wrong: usage, model, unsupported, budget, verification.
    """
    log = Log()
    choice = plan_levels(path, options, progress, log)
    model, levels, data = choice.model, choice.levels, choice.data
    progress("writing the container")
    memory = [network.memory for network in levels.networks]
    container = build_container(levels.graphs, memory)
    progress("asking the runtimes")
    verification = [
        *_verify_import(choice),
        *verify_slots(levels.names, levels.graphs, [item.offsets for item in memory], container.data),
    ]
    quality: Sequence[Quality | None] = [None] * len(levels.networks)
    if data is not None:
        progress("measuring the levels")
        quality = measure_levels(model.graph, levels.graphs, data)
    progress("rendering the files")
    name = c_identifier(options.name or model.path.stem)
    firmware = describe_firmware(name, model, levels, container.data, quality, options.budgets)
    files = {
        f"{name}.tflite": container.data,
        **render_c_files(firmware),
        f"{name}.plan.json": levels.plan.to_json().encode(),
    }
    report = build_report(
        model,
        options.budgets,
        levels,
        container,
        quality,
        verification,
        files,
        [
            *levels.diagnostics,
            *([] if data is None else data_warnings(data)),
            *_unmeasured(levels, quality),
            *float_border_note(levels.graphs[0], options.budgets.kernels),
        ],
    )
    files[f"{name}.report.json"] = report.to_json().encode()
    return Artefact(name, report, files, log, choice)


def plan_levels(
    path: Path | str, options: Options, progress: Progress = lambda _stage: None, log: Log | None = None
) -> Choice:
    """Return the levels of a model file. A float model with data becomes int8 first, unless the options forbid it.

    Raises:
        RedscError: of the class that says what is wrong: usage, model, unsupported, budget.
    """
    log = log or Log()
    progress("reading the model")
    model = read_model(path, log, shapes=options.shapes)
    borders = [DropBorderConversions()] if options.int8_io else []
    run_passes(model.graph, [*borders, Schedule(options.budgets.kernels)], log)
    data = None if options.data is None else load_data(options.data, model)
    quantized = None
    if is_quantizable(model.graph, data is not None, options.quantization):
        progress("calibrating")
        quantized = quantize_network(model.graph, data.samples if data else [], options.quantization, log)
    progress("choosing levels")
    levels = choose_levels(quantized.graph if quantized else without_annotations(model.graph), options)
    if quantized:
        progress("calibrating the levels")
        levels = quantize_levels(levels, quantized, options.freeze, options.budgets.kernels)
    return Choice(model, levels, data, quantized)


def _verify_import(choice: Choice) -> Iterator[Verification]:
    """Compare slot 0 with the model file where it is the same network, else the network it was made of."""
    model, levels = choice.model, choice.levels
    first = levels.networks[0]
    if choice.quantized is None and first.widths == levels.full_widths:
        return verify_import(model, first.graph, levels.names[0])
    if choice.quantized is not None and is_annotated(model.graph):  # the file is quantised itself
        return verify_import(model, choice.quantized.graph, "whole network")
    return verify_import(model, model.graph, "whole network")


def _unmeasured(levels: Levels, quality: Sequence[Quality | None]) -> list[Diagnostic]:
    """Return a note on levels that were cut and never measured."""
    names = [
        name
        for name, network, measured in zip(levels.names, levels.networks, quality, strict=True)
        if measured is None and network.widths != levels.full_widths
    ]
    if not names:
        return []
    message = f"unmeasured: channels were cut from level {', '.join(names)} without looking at data"
    return [Diagnostic("L103", message, hint="--data FILE.npz measures every level")]


def slice_level(path: Path, level: str, plan: Path | None = None, options: Options = _NO_OPTIONS) -> bytes:
    """Return one level as an ordinary stand-alone TFLite file.

    Args:
        path: a container, or with `plan` the model file it was made of.
        level: the level's name.
        plan: the plan file.
        options: with a plan, how a float model becomes int8: the data and the rules of its compile.

    Raises:
        UsageError: there is no such level.
    """
    if plan is None:
        graphs = {graph.name: graph for graph in _slots(path)[1]}
    else:
        levels = plan_levels(path, replace(options, plan=plan)).levels
        graphs = dict(zip(levels.names, levels.graphs, strict=True))
    level = level_name(level)
    if level not in graphs:
        raise UsageError(f"there is no level {level!r}", code="U210", hint=f"the levels are {', '.join(graphs)}")
    graph = graphs[level]
    return write_tflite(graph, measure_memory(graph, options.budgets.kernels).offsets)


def verify_container(
    path: Path,
    model_path: Path | None = None,
    plan: Path | None = None,
    progress: Progress = lambda _stage: None,
    options: Options = _NO_OPTIONS,
) -> list[Verification]:
    """Run every slot of a container against the same level as a stand-alone file.

    With the model file and the plan, every slot must also be the level that the plan makes of the model; where a
    float model became int8, `options` say with which data.

    Raises:
        VerificationError: something differs.
    """
    if (model_path is None) != (plan is None):
        raise UsageError("--model and --plan belong together", code="U213", hint="give both, or neither")
    progress("reading the container")
    data, slots = _slots(path)
    done: list[Verification] = []
    if model_path is not None and plan is not None:
        progress("rebuilding the levels")
        choice = plan_levels(model_path, replace(options, plan=plan))
        if choice.quantized is None and _became_int8(choice.model.graph, slots[0]):
            hint = "--data FILE.npz and the flags of its compile make the same integers again"
            raise UsageError(f"{path.name} is int8, {model_path.name} is float", code="U215", hint=hint)
        done += _verify_import(choice)
        done += verify_levels(choice.levels.names, choice.levels.graphs, slots)
    progress("asking the runtimes")
    offsets = [planned_offsets(slot_bytes(data, slot)) for slot in range(len(slots))]
    done += verify_slots([graph.name for graph in slots], slots, offsets, data)
    return done


def _became_int8(source: Graph, slot: Graph) -> bool:
    """Whether a slot takes int8 where the model file takes floats."""
    pairs = zip(source.inputs, slot.inputs, strict=False)
    return any(a.type.dtype is DType.FLOAT32 and b.type.dtype is DType.INT8 for a, b in pairs)


def _slots(path: Path) -> tuple[bytes, list[Graph]]:
    """Return a container and the graphs in it."""
    data = load_model(path).source
    if not is_container(data):
        raise UsageError(
            f"{path.name} was not written by redsc",
            code="U211",
            hint="give the NAME.tflite that redsc compile wrote, or the model file and --plan NAME.plan.json",
        )
    return data, [read_tflite(slot_bytes(data, slot)) for slot in range(slot_count(data))]
