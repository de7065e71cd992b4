"""The report: an interface. Keys change only with `schema_version`; what is not known yet is null."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from redsc.codegen.oracles import Verification
from redsc.errors import Diagnostic
from redsc.ir import Shape
from redsc.passes.base import LogEntry
from redsc.report.level import LevelReport

__all__ = [
    "SCHEMA_VERSION",
    "BudgetReport",
    "CacheLevel",
    "CacheReport",
    "CascadeReport",
    "CascadeStep",
    "EstimateReport",
    "FileReport",
    "FlashReport",
    "ModelReport",
    "PortReport",
    "Report",
    "ResidentReport",
    "SolverReport",
    "StateReport",
]

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class PortReport:
    """An input or output of the artefact, and in `source_*` as the model file has it.

    `layout` is `NHWC` where it differs from the file's, else `source`; real = (q - zero_point) * scale.
    """

    name: str
    shape: Shape
    dtype: str
    scale: float | None
    zero_point: int | None
    layout: str
    source_shape: Shape
    source_dtype: str


@dataclass(frozen=True, slots=True)
class ModelReport:
    """The model file."""

    path: str
    sha256: str
    format: str
    ops: int
    macs: int
    inputs: tuple[PortReport, ...]
    outputs: tuple[PortReport, ...]


@dataclass(frozen=True, slots=True)
class BudgetReport:
    """What was allowed; null where nothing was asked.

    `sources` says where RAM, flash, kernels and cache are from: `target`, `default`, or `flag` where somebody asked
    for them, be it in a file.
    """

    ram_bytes: int | None
    flash_bytes: int | None
    macs: int | None
    latency_us: int | None
    target: str | None
    resident: str
    kernels: str
    cache: str
    sources: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class EstimateReport:
    """The table by which time and energy of levels are estimated.

    `evidence` is `measured`, `published`, `modelled` or `unmeasured` (`redsc.targets.Evidence`). The errors are
    those of the worst network that the table was fitted to, on the target `board`, null where there is none.
    """

    core: str
    library: str
    megahertz: int
    evidence: str
    source: str
    board: str | None
    latency_error_percent: float | None
    energy_error_percent: float | None


@dataclass(frozen=True, slots=True)
class ResidentReport:
    """RAM of all levels together, both ways."""

    resident_all_bytes: int
    resident_one_bytes: int


@dataclass(frozen=True, slots=True)
class SolverReport:
    """How the widths were found, as `redsc.passes.select.problem.Solver` says it; `exact` where none were cut."""

    selector: str
    status: str
    objective: float | None = None
    bound: float | None = None
    gap: float | None = None
    grid: int | None = None


@dataclass(frozen=True, slots=True)
class FlashReport:
    """Where the container's bytes go; of the C engine its constants and parameters.

    `shared_weight_bytes` are numbers that slot 0 and others read, `private_bytes` the rest: of each level those
    that no larger one reads.

    `kernel_bytes` of code come on top where a level needs redsc's kernels: an estimate, for a Cortex-M4 at -Os.
    `by_sharing` has the size of the container of these levels for every way of sharing.
    """

    container_bytes: int
    shared_weight_bytes: int
    private_bytes: int
    kernel_bytes: int
    by_sharing: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class CacheLevel:
    """Lines of the cache that int8 convolutions and dense layers of one level fill with weights and biases.

    `lines` is how many different ones they read, layer by layer; `fills_before` what they fill without blocks.
    `blocks` are output channels that a layer goes through at a time, by its result. `saved_cycles` is an estimate;
    `without_room` counts layers that would save some more in an arena larger than there may be.
    """

    level: str
    lines: int
    fills_before: int
    fills: int
    saved_cycles: int
    blocks: Mapping[str, int]
    without_room: int


@dataclass(frozen=True, slots=True)
class CacheReport:
    """The simulated cache before the flash; a line takes the core `fill_cycles`."""

    name: str
    line_bytes: int
    fill_cycles: int
    levels: tuple[CacheLevel, ...]


@dataclass(frozen=True, slots=True)
class CascadeStep:
    """A level of the cascade: the next one runs where the margin of its output is below the threshold.

    `share` is the fraction of the samples that end here.
    """

    level: str
    slot: int
    threshold: int
    share: float


@dataclass(frozen=True, slots=True)
class CascadeReport:
    """Levels that run one after the other until one is sure, fitted on some samples and measured on others.

    `macs` are those of one inference on average, `macs_fraction` is of slot 0's. The metric is `accuracy`, without
    labels `agreement`, here with slot 0; `loss` is what is lost of slot 0's, as a fraction.
    """

    steps: tuple[CascadeStep, ...]
    macs: int
    macs_fraction: float
    metric: str
    value: float
    interval: tuple[float, float]
    loss: float
    samples: int
    calibration_samples: int


@dataclass(frozen=True, slots=True)
class StateReport:
    """What the network keeps from one inference to the next; `switching` says what another level finds of it.

    What tflite-micro's audio front end keeps is not counted.
    """

    variables: int
    bytes: int
    switching: str


@dataclass(frozen=True, slots=True)
class FileReport:
    """A file that was written."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything about one compile, without wall-clock times: equal inputs give equal reports.

    `spaces` are the channel spaces that can be cut, with their whole widths; `log` is what the passes did and why
    not more.
    """

    schema_version: int
    redsc: str
    model: ModelReport
    budget: BudgetReport
    levels: tuple[LevelReport, ...]
    estimate: EstimateReport | None
    arena: ResidentReport
    solver: SolverReport
    spaces: Mapping[str, int]
    flash: FlashReport
    cache: CacheReport | None
    cascade: CascadeReport | None
    state: StateReport | None
    verification: tuple[Verification, ...]
    files: tuple[FileReport, ...]
    diagnostics: tuple[Diagnostic, ...]
    log: tuple[LogEntry, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data with the keys of the schema."""
        return asdict(self)

    def to_json(self) -> str:
        """Return the report file."""
        return json.dumps(self.to_dict(), indent=1) + "\n"
