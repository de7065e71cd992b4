"""From levels to the files that are shipped: measured, verified, rendered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from redsc.budgets import Budgets
from redsc.choices import Resident
from redsc.codegen.arduino import arranged
from redsc.codegen.describe import Firmware, describe_firmware
from redsc.codegen.names import c_identifier
from redsc.codegen.oracles import Verification, verify_import
from redsc.compile.backends import backend_of
from redsc.compile.choice import Choice
from redsc.compile.flash_cache import order_for_cache
from redsc.compile.levels import plan_levels
from redsc.compile.measure import cascade_of, measure_quality
from redsc.cost.memory import resident_bytes
from redsc.errors import Diagnostic
from redsc.ir import Graph
from redsc.options import Options
from redsc.passes.base import Log
from redsc.passes.levels import Levels
from redsc.passes.quantize.ptq import is_annotated
from redsc.passes.simplify.drop_border_conversions import float_border_note
from redsc.progress import Progress, silent
from redsc.report.build import Compiled, build_report
from redsc.report.data import Report
from redsc.runtime.data.dataset import data_warnings
from redsc.runtime.evaluate.quality import Quality
from redsc.runtime.evaluate.sqnr import LayerSQNR, measure_sqnr

__all__ = ["Artefact", "compile_model", "verify_whole"]

_SQNR_SAMPLES = 32


@dataclass(frozen=True, slots=True)
class Artefact:
    """What a compile makes: `files` by name, ready to write, the report among them.

    `choice` is what it was made of, `sqnr` that of every layer where the report has it.
    """

    name: str
    report: Report
    files: dict[str, bytes]
    log: Log
    choice: Choice
    sqnr: list[LayerSQNR] | None = None

    @property
    def report_path(self) -> str:
        """Where the report is among the files."""
        return next(path for path in self.files if path.endswith(f"{self.name}.report.json"))

    def layer_sqnr(self) -> list[LayerSQNR]:
        """Return the SQNR of every layer, on some of the samples; none where no float model became int8."""
        return _layer_sqnr(self.choice) if self.sqnr is None else self.sqnr


def compile_model(path: Path | str, options: Options, progress: Progress = silent) -> Artefact:
    """Compile a model file. Nothing is written; `Artefact.files` holds what belongs on disk.

    Raises:
        RedscError: of the class that says what is wrong: usage, model, unsupported, budget, verification.
    """
    log = Log()
    choice = plan_levels(path, options, progress, log)
    choice, quality, dropped = measure_quality(choice, options, progress)
    cascade, doubts = cascade_of(choice, options, progress)
    choice, cache = order_for_cache(choice, options.budgets, progress)
    model, levels = choice.model, choice.levels
    name = c_identifier(options.name or model.path.stem)

    def describe(slots: Sequence[Graph], container: bytes) -> Firmware:
        return describe_firmware(name, model, levels, slots, container, quality, options.budgets, cascade)

    built = backend_of(options.budgets)(name, choice, describe, options, progress)
    files = arranged({**built.files, f"{name}.plan.json": levels.plan.to_json().encode()}, name, options.emit)
    sqnr = _layer_sqnr(choice) if options.traces_layers else None
    report = build_report(
        Compiled(
            model=model,
            budgets=options.budgets,
            levels=levels,
            quality=quality,
            private_bytes=built.private_bytes,
            flash=built.flash,
            verification=[*verify_whole(choice), *built.verification],
            files=files,
            diagnostics=_diagnostics(choice, [*dropped, *doubts], quality, options.budgets),
            cascade=cascade,
            cache=cache,
            log=log.entries,
            sqnr=sqnr or (),
        )
    )
    files |= arranged({f"{name}.report.json": report.to_json().encode()}, name, options.emit)
    return Artefact(name, report, files, log, choice, sqnr)


def _diagnostics(
    choice: Choice, measured: Sequence[Diagnostic], quality: Sequence[Quality | None], budgets: Budgets
) -> list[Diagnostic]:
    """Return what the user should know; `measured` is what measuring the levels had to say."""
    levels = choice.levels
    return [
        *choice.model.notes,
        *levels.diagnostics,
        *measured,
        *([] if choice.data is None else data_warnings(choice.data)),
        *_unmeasured(levels, quality),
        *_larger_heads(levels, budgets.resident),
        *float_border_note(levels.graphs[0], budgets.kernels),
    ]


def _layer_sqnr(choice: Choice) -> list[LayerSQNR]:
    made = choice.quantized
    if made is None or choice.data is None or made.is_file:  # which no float model became
        return []
    return measure_sqnr(choice.model.graph, made.graph, made.samples[:_SQNR_SAMPLES])


def verify_whole(choice: Choice) -> Iterator[Verification]:
    """Compare slot 0 with the model file where it is the same network, else the network that it was made of."""
    model, levels = choice.model, choice.levels
    if choice.quantized is None and levels.is_whole(0):
        return verify_import(model, levels.graphs[0], levels.names[0])
    if choice.quantized is not None and is_annotated(model.graph):  # the file is quantised itself
        return verify_import(model, choice.quantized.graph, "whole network")
    return verify_import(model, model.graph, "whole network")


def _larger_heads(levels: Levels, resident: Resident) -> Iterator[Diagnostic]:
    """Yield a note where a smaller level is what sets the head: it may, where results lie over their operands."""
    memory = [network.memory for network in levels.networks]
    least = memory[0].head_bytes
    names = [name for name, own in zip(levels.names, memory, strict=True) if own.head_bytes > least]
    if names:
        needed = resident_bytes(memory, resident)
        wanted = resident_bytes([replace(own, head_bytes=min(own.head_bytes, least)) for own in memory], resident)
        message = f"level {', '.join(names)} takes {needed - wanted:,} B more arena than level {levels.names[0]}"
        yield Diagnostic("L114", message, hint=f"--ram {wanted} asks for levels that do not")


def _unmeasured(levels: Levels, quality: Sequence[Quality | None]) -> list[Diagnostic]:
    """Return a note on levels that were cut and never measured."""
    names = [
        name
        for slot, (name, measured) in enumerate(zip(levels.names, quality, strict=True))
        if measured is None and not levels.is_whole(slot)
    ]
    if not names:
        return []
    which = f"level {names[0]} was" if len(names) == 1 else f"levels {', '.join(names)} were"
    message = f"unmeasured: {which} cut without looking at data"
    return [Diagnostic("L103", message, hint="--data FILE.npz measures every level")]
