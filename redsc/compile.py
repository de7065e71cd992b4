"""The order of the stages: model file -> levels -> container -> verified files. The only place that knows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from redsc.codegen.c_files import render_c_files
from redsc.codegen.container import build_container, is_container, slot_bytes, slot_count
from redsc.codegen.firmware import describe_firmware
from redsc.codegen.names import c_identifier
from redsc.codegen.oracles import Verification, verify_import, verify_levels, verify_slots
from redsc.cost.macs import graph_macs
from redsc.cost.memory import measure_memory
from redsc.errors import Diagnostic, LimitExceeded, UsageError
from redsc.formats import Model, load_model, read_tflite, write_tflite
from redsc.ir import Graph
from redsc.limits import DEFAULT_LIMITS, Limits
from redsc.options import Options, level_name
from redsc.passes import SIMPLIFY
from redsc.passes.base import Log, load_pass, run_passes
from redsc.passes.levels import Levels, choose_levels
from redsc.report.build import build_report
from redsc.report.data import Report
from redsc.runtime.quality import Quality, load_data, measure_levels

__all__ = ["Artefact", "compile_model", "read_model", "slice_level", "verify_container"]

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Artefact:
    """What a compile makes: `files` by name, ready to write, the report among them."""

    name: str
    report: Report
    files: dict[str, bytes]
    log: Log


def read_model(path: Path | str, log: Log | None = None, limits: Limits = DEFAULT_LIMITS) -> Model:
    """Read a model file and run the lossless passes over its graph.

    Raises:
        ModelError: the file cannot be read, is damaged, or would keep the runtimes busy for ever.
        UnsupportedError: the model has parts that redsc does not translate.
    """
    model = load_model(path, limits)
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
        *_verify_import(model, levels),
        *verify_slots(levels.names, levels.graphs, memory, container.data),
    ]
    quality: Sequence[Quality | None] = [None] * len(levels.networks)
    if data is not None:
        progress("measuring the levels")
        quality = measure_levels(model.graph, levels.graphs, data)
    progress("rendering the files")
    name = c_identifier(options.name or model.path.stem)
    firmware = describe_firmware(name, model, levels, container.data, quality, options.budgets.resident)
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
        [*levels.diagnostics, *_unmeasured(levels, quality)],
    )
    files[f"{name}.report.json"] = report.to_json().encode()
    return Artefact(name, report, files, log)


def _verify_import(model: Model, levels: Levels) -> Iterator[Verification]:
    """Compare slot 0 with the model file where nothing is cut from it, else the network before it was cut."""
    first = levels.networks[0]
    if first.widths == levels.full_widths:
        return verify_import(model, first.graph, levels.names[0])
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
        graphs = {graph.name: graph for graph in _slots(path)[1]}
    else:
        levels = choose_levels(read_model(path).graph, Options(plan=plan))
        graphs = dict(zip(levels.names, levels.graphs, strict=True))
    level = level_name(level)
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
    if (model_path is None) != (plan is None):
        raise UsageError("--model and --plan belong together", code="U213", hint="give both, or neither")
    progress("reading the container")
    data, slots = _slots(path)
    done: list[Verification] = []
    if model_path is not None and plan is not None:
        progress("rebuilding the levels")
        model = read_model(model_path)
        levels = choose_levels(model.graph, Options(plan=plan))
        done += _verify_import(model, levels)
        done += verify_levels(levels.names, levels.graphs, slots)
    progress("asking the runtimes")
    done += verify_slots([graph.name for graph in slots], slots, [measure_memory(graph) for graph in slots], data)
    return done


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
