"""The order of the stages: model file -> levels -> container -> verified files. The only place that knows it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from redsc.codegen.c_files import Firmware, FirmwareLevel, firmware_port, render_c_files
from redsc.codegen.container import build_container, is_container, slot_bytes, slot_count
from redsc.codegen.names import c_identifier
from redsc.codegen.oracles import Verification, verify_import, verify_levels, verify_slots
from redsc.codegen.tflm_ops import resolver_methods
from redsc.cost.macs import graph_macs
from redsc.cost.memory import measure_memory, resident_all_bytes, resident_one_bytes
from redsc.errors import Diagnostic, UsageError
from redsc.formats import Model, load_model, read_tflite, write_tflite
from redsc.ir import Graph
from redsc.options import Options, Resident
from redsc.passes import SIMPLIFY
from redsc.passes.base import Log, load_pass, run_passes
from redsc.passes.levels import Levels, choose_levels
from redsc.report.build import build_report
from redsc.report.data import Report
from redsc.runtime.quality import Quality, load_data, measure_levels
from redsc.version import __version__

__all__ = ["Artefact", "compile_model", "read_model", "slice_level", "verify_container"]

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Artefact:
    """What a compile makes: `files` by name, ready to write, the report among them."""

    name: str
    report: Report
    files: dict[str, bytes]
    log: Log


def read_model(path: Path | str, log: Log | None = None) -> Model:
    """Read a model file and run the lossless passes over its graph.

    Raises:
        ModelError: the file cannot be read or is damaged.
        UnsupportedError: the model has parts that redsc does not translate.
    """
    model = load_model(path)
    run_passes(model.graph, [load_pass(where) for where in SIMPLIFY.values()], log or Log())
    return model


def compile_model(path: Path | str, options: Options, progress: Progress = lambda _stage: None) -> Artefact:
    """Compile a model file. Nothing is written; `Artefact.files` holds what belongs on disk.

    Raises:
        RedscError: of the class that says what is wrong: usage, model, unsupported, budget, verification.
    """
    log = Log()
    progress("reading the model")
    model = read_model(path, log)
    data = None if options.data is None else load_data(options.data, model)
    progress("choosing levels")
    levels = choose_levels(model.graph, options)
    progress("writing the container")
    memory = [network.memory for network in levels.networks]
    container = build_container(levels.graphs, memory)
    progress("asking the runtimes")
    verification = [
        *verify_import(model, _lossless_graph(model, levels), levels.names[0]),
        *verify_slots(levels.names, levels.graphs, memory, container.data),
    ]
    quality: Sequence[Quality | None] = [None] * len(levels.networks)
    if data is not None:
        progress("measuring the levels")
        quality = measure_levels(model.graph, levels.graphs, data)
    progress("rendering the files")
    name = c_identifier(options.name or model.path.stem)
    files = {
        f"{name}.tflite": container.data,
        **render_c_files(_firmware(name, model, options, levels, container.data, quality)),
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
        [*levels.diagnostics, *_unmeasured(levels, quality)],
    )
    files[f"{name}.report.json"] = report.to_json().encode()
    return Artefact(name, report, files, log)


def _lossless_graph(model: Model, levels: Levels) -> Graph:
    """Return what must equal the model file: slot 0 where nothing is cut, else the imported graph."""
    first = levels.networks[0]
    return first.graph if first.macs == graph_macs(model.graph) else model.graph


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


def _firmware(
    name: str, model: Model, options: Options, levels: Levels, container: bytes, quality: Sequence[Quality | None]
) -> Firmware:
    """Return what the C files show."""
    memory = [network.memory for network in levels.networks]
    both = {Resident.ALL: resident_all_bytes(memory), Resident.ONE: resident_one_bytes(memory)}
    ports = [
        firmware_port(name, role, index, value, port)
        for role, values, known in (
            ("input", levels.graphs[0].inputs, model.inputs),
            ("output", levels.graphs[0].outputs, model.outputs),
        )
        for index, (value, port) in enumerate(zip(values, known, strict=True))
    ]
    return Firmware(
        symbol=name,
        version=__version__,
        sha256=model.sha256,
        model=container,
        levels=tuple(
            FirmwareLevel(level.name, slot, network.macs, network.memory, measured)
            for slot, (level, network, measured) in enumerate(
                zip(levels.plan.levels, levels.networks, quality, strict=True)
            )
        ),
        ports=tuple(ports),
        ops=tuple(resolver_methods(levels.graphs)),
        resident=options.budgets.resident.value,
        arena_bytes=both[options.budgets.resident],
        resident_all_bytes=both[Resident.ALL],
        resident_one_bytes=both[Resident.ONE],
    )


def slice_level(path: Path, level: str, plan: Path | None = None) -> bytes:
    """Return one level as an ordinary stand-alone TFLite file.

    Args:
        path: a container, or with `plan` the model file it was made of.
        level: the level's name.
        plan: the plan file.

    Raises:
        UsageError: there is no such level.
    """
    if plan is None:
        graphs = {graph.name: graph for graph in _slots(path)}
    else:
        levels = choose_levels(read_model(path).graph, Options(plan=plan))
        graphs = dict(zip(levels.names, levels.graphs, strict=True))
    if level not in graphs:
        raise UsageError(f"there is no level {level!r}", code="U210", hint=f"the levels are {', '.join(graphs)}")
    graph = graphs[level]
    return write_tflite(graph, measure_memory(graph).offsets)


def verify_container(
    path: Path, model_path: Path | None = None, plan: Path | None = None, progress: Progress = lambda _stage: None
) -> list[Verification]:
    """Run every slot of a container against the same level as a stand-alone file.

    With the model file and the plan, every slot must also be the level that the plan makes of the model.

    Raises:
        VerificationError: something differs.
    """
    progress("reading the container")
    slots = _slots(path)
    data = path.read_bytes()
    done: list[Verification] = []
    if model_path is not None and plan is not None:
        progress("rebuilding the levels")
        model = read_model(model_path)
        levels = choose_levels(model.graph, Options(plan=plan))
        done += verify_import(model, _lossless_graph(model, levels), levels.names[0])
        done += verify_levels(levels.names, levels.graphs, slots)
    progress("asking the runtimes")
    done += verify_slots([graph.name for graph in slots], slots, [measure_memory(graph) for graph in slots], data)
    return done


def _slots(path: Path) -> list[Graph]:
    """Return the graphs of a container."""
    data = load_model(path).source
    if not is_container(data):
        raise UsageError(
            f"{path.name} was not written by redsc", code="U211", hint="redsc compile writes NAME.tflite"
        )
    return [read_tflite(slot_bytes(data, slot)) for slot in range(slot_count(data))]
