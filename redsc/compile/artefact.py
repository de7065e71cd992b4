"""From levels to the files that are shipped: measured, verified, rendered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

from redsc.codegen.arduino import arduino_files, arranged
from redsc.codegen.c_files import render_c_files
from redsc.codegen.container import build_container
from redsc.codegen.describe import describe_firmware
from redsc.codegen.firmware import KERNEL_BYTES, kernel_files
from redsc.codegen.names import c_identifier
from redsc.codegen.oracles import Verification, verify_import, verify_slots
from redsc.compile.choice import Choice, plan_levels
from redsc.compile.slots import container_sizes, lay_out
from redsc.errors import BudgetError, Diagnostic, UsageError
from redsc.options import Emit, Options
from redsc.passes.base import Log
from redsc.passes.levels import Levels
from redsc.passes.ptq import is_annotated
from redsc.passes.simplify.drop_border_conversions import float_border_note
from redsc.progress import Progress, silent
from redsc.report.build import build_report
from redsc.report.data import Report
from redsc.runtime.cascade import Cascade, fit_cascade, has_margin, least_samples, read_answers
from redsc.runtime.dataset import DataSet, data_warnings, load_data
from redsc.runtime.quality import Quality, measure_levels
from redsc.runtime.sqnr import LayerSQNR, measure_sqnr
from redsc.runtime.task import Task, find_task

__all__ = ["Artefact", "compile_model", "verify_whole"]

_SQNR_SAMPLES = 32


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

    @property
    def report_path(self) -> str:
        """Where the report is among the files."""
        return next(path for path in self.files if path.endswith(f"{self.name}.report.json"))

    def layer_sqnr(self) -> list[LayerSQNR]:
        """Measure the SQNR of every layer, on some of the samples; none where no float model became int8."""
        choice = self.choice
        if choice.quantized is None or choice.data is None:
            return []
        return measure_sqnr(choice.model.graph, choice.quantized.graph, choice.quantized.samples[:_SQNR_SAMPLES])


def compile_model(path: Path | str, options: Options, progress: Progress = silent) -> Artefact:
    """Compile a model file. Nothing is written; `Artefact.files` holds what belongs on disk.

    Raises:
        RedscError: of the class that says what is wrong: usage, model, unsupported, budget, verification.
    """
    log = Log()
    choice = plan_levels(path, options, progress, log)
    choice, quality, dropped = _measure(choice, options, progress)
    cascade, doubts = _fit_cascade(choice, options, progress)
    model, data = choice.model, choice.data
    levels, slots = lay_out(choice.levels, options)
    progress("writing the container")
    memory = [network.memory for network in levels.networks]
    container = build_container(slots, memory)
    progress("asking the runtimes")
    verification = [
        *verify_whole(choice),
        *verify_slots(levels.names, slots, [item.offsets for item in memory], container.data),
    ]
    progress("rendering the files")
    name = c_identifier(options.name or model.path.stem)
    firmware = describe_firmware(name, model, levels, slots, container.data, quality, options.budgets, cascade)
    files = {
        f"{name}.tflite": container.data,
        **render_c_files(firmware, options.array),
        **(kernel_files() if firmware.custom_ops else {}),
        f"{name}.plan.json": levels.plan.to_json().encode(),
        **(arduino_files(firmware) if options.emit is Emit.ARDUINO else {}),
    }
    files = arranged(files, name, options.emit)
    diagnostics = [
        *levels.diagnostics,
        *dropped,
        *doubts,
        *([] if data is None else data_warnings(data)),
        *_unmeasured(levels, quality),
        *float_border_note(levels.graphs[0], options.budgets.kernels),
    ]
    report = build_report(
        model,
        options.budgets,
        levels,
        container,
        quality,
        verification,
        files,
        diagnostics,
        container_sizes(levels),
        KERNEL_BYTES if firmware.custom_ops else 0,
        cascade,
    )
    files |= arranged({f"{name}.report.json": report.to_json().encode()}, name, options.emit)
    return Artefact(name, report, files, log, choice)


def _measure(
    choice: Choice, options: Options, progress: Progress
) -> tuple[Choice, Sequence[Quality | None], list[Diagnostic]]:
    """Return the quality of every level, without the levels that lose more than they may, and a note on those.

    They are measured on the evaluation file; without one on the samples that recovery held back.

    Raises:
        UsageError: a bound on the loss without data.
        BudgetError: slot 0 itself loses more.
    """
    levels = choice.levels
    data = _measured_on(choice, options)
    if data is None:
        if options.max_drop is not None:
            raise UsageError("--max-drop needs data", code="U218", hint="give --data, or --eval")
        return choice, [None] * len(levels.networks), []
    progress("measuring the levels")
    quality = measure_levels(choice.model.graph, levels.graphs, data)
    if options.max_drop is None:
        return choice, quality, []
    lost = [inf if item.loss is None and item.value is None else item.loss or 0.0 for item in quality]
    allowed = f"--max-drop allows {_points(options.max_drop)}"
    if lost[0] > options.max_drop:
        message = f"level {levels.names[0]} loses {_points(lost[0])}, {allowed}"
        raise BudgetError(message, code="R505", hint="--protect-full keeps the whole network as it is")
    stays = [slot for slot, loss in enumerate(lost) if loss <= options.max_drop]
    notes = [
        Diagnostic("L110", f"level {levels.names[slot]} is left out: it loses {_points(loss)}, {allowed}")
        for slot, loss in enumerate(lost)
        if slot not in stays
    ]
    return replace(choice, levels=levels.only(stays)), [quality[slot] for slot in stays], notes


def _fit_cascade(choice: Choice, options: Options, progress: Progress) -> tuple[Cascade | None, list[Diagnostic]]:
    """Return the cascade of a classifier's levels, None without data or where none pays, and why.

    It is fitted on `--data` and measured on `--eval`; where there is only one of them, on its held-back part.
    """
    levels, data = choice.levels, choice.data
    held = None if options.evaluation is None else load_data(options.evaluation, choice.model)
    known = data or held
    if known is None or len(levels.graphs) == 1:
        return None, []
    data, held = (data, held) if data and held else known.split()
    if find_task(choice.model.graph, data.labels is not None or held.labels is not None) is not Task.CLASSIFY:
        return None, []
    if not all(has_margin(graph) for graph in levels.graphs):
        return None, [Diagnostic("L111", "no cascade: the output is not int8", hint="--int8-io makes it int8")]
    if len(data.samples) < least_samples():
        needs = f"no cascade: thresholds need {least_samples()} samples, {len(data.samples)} are given to fit them"
        return None, [Diagnostic("L111", needs, hint="give more samples with --data, and others with --eval")]
    progress("fitting the cascade")
    calibration, measured = (read_answers(levels.graphs, part) for part in (data, held))
    found = fit_cascade(calibration, measured, [network.macs for network in levels.networks])
    return found, [] if found else [Diagnostic("L111", "no cascade: none is cheaper than the largest level")]


def _measured_on(choice: Choice, options: Options) -> DataSet | None:
    if options.evaluation is not None:
        return load_data(options.evaluation, choice.model)
    is_fitted = choice.weights is not None and any(own.constants or own.scales for own in choice.weights.levels)
    return choice.study.held if choice.study is not None and is_fitted else choice.data


def _points(share: float) -> str:
    return f"{100 * share:.2f} points"


def verify_whole(choice: Choice) -> Iterator[Verification]:
    """Compare slot 0 with the model file where it is the same network, else the network that it was made of."""
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
