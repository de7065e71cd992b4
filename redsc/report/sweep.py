"""A sweep: an interface. Keys change only with `schema_version`; what is not known is null."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import inf
from typing import Any

from redsc.errors import Diagnostic
from redsc.option_texts import Crop, Size
from redsc.report.text import print_table
from redsc.runtime.evaluate.quality import Quality
from redsc.version import __version__

__all__ = ["SWEEP_VERSION", "Sweep", "SweptLevel", "SweptPoint", "print_sweep", "quality_text", "sweep_table"]

SWEEP_VERSION = 1


@dataclass(frozen=True, slots=True)
class SweptLevel:
    """A level of a point.

    Attributes:
        name: its ceiling, in percent of the model's MACs.
        macs: of one inference.
        macs_fraction: of the whole network's.
        arena_bytes: what it needs alone.
        latency_us: estimated, with a target whose table is known.
        energy_uj: the same.
        loss: what the solver counts: the sum of what its cuts cost.
        quality: measured, with data.
        resolution: the size of the image that it sees (height, width); None where it is the network's.
        crop: the part of the image that it sees (top, left, height, width); None for all of it.
        on_front: whether no other level of the model is as good in RAM, MACs, flash, time and loss, and better in
            one of them. The loss is the measured one where there is one. Of equal levels the first is on it.
    """

    name: str
    macs: int
    macs_fraction: float
    arena_bytes: int
    latency_us: int | None
    energy_uj: int | None
    loss: float
    quality: Quality | None
    resolution: Size | None = None
    crop: Crop | None = None
    on_front: bool = False

    @property
    def lost(self) -> float:
        """What it loses: measured where it was, else what the solver counts."""
        if self.quality is None:
            return self.loss
        return inf if self.quality.loss is None else self.quality.loss


@dataclass(frozen=True, slots=True)
class SweptPoint:
    """What a selector made of a model in a RAM budget.

    Attributes:
        model: the file's name, with folders where several files have it.
        sha256: of the file.
        ram_budget_bytes: the budget.
        selector: its name.
        status: as in the report: `optimal`, `gap`, `heuristic` or `given`; None where nothing fits.
        objective: the loss of all levels in sum.
        ram_bytes: what the levels take, as many of them as are to be ready.
        flash_bytes: their container and the kernels that they need.
        levels: the largest first.
        error: where nothing fits: which budget binds.
    """

    model: str
    sha256: str
    ram_budget_bytes: int
    selector: str
    status: str | None = None
    objective: float | None = None
    ram_bytes: int | None = None
    flash_bytes: int | None = None
    levels: tuple[SweptLevel, ...] = ()
    error: Diagnostic | None = None

    def costs(self, slot: int) -> tuple[float, ...]:
        """Return what a level costs, the less the better: RAM, MACs, flash, time, loss."""
        level = self.levels[slot]
        return self.ram_bytes or 0, level.macs, self.flash_bytes or 0, level.latency_us or 0, level.lost

    def to_json(self) -> bytes:
        """Return the point as a sweep keeps it."""
        return json.dumps(asdict(self)).encode()

    @staticmethod
    def from_json(data: bytes) -> SweptPoint:
        """Return the point of `to_json`."""
        found = json.loads(data)
        levels, error = tuple(_level(level) for level in found["levels"]), found["error"]
        error = error and Diagnostic(**_with_tuples(error, "evidence"))
        return SweptPoint(**{**found, "levels": levels, "error": error})


def _level(found: dict[str, Any]) -> SweptLevel:
    quality = found["quality"] and Quality(**_with_tuples(found["quality"], "interval"))
    return SweptLevel(**{**_with_tuples(found, "resolution", "crop"), "quality": quality})


def _with_tuples(found: dict[str, Any], *keys: str) -> dict[str, Any]:
    """Return an object of JSON in which these lists are tuples, as they were."""
    return {**found, **{key: tuple(found[key]) for key in keys if found[key] is not None}}


@dataclass(frozen=True, slots=True)
class Sweep:
    """All points: by model, then by RAM budget, then by selector.

    `estimates` says of what target and how good times and energies are, None where there are none.
    """

    points: tuple[SweptPoint, ...]
    estimates: str | None = None

    @property
    def models(self) -> list[str]:
        """The models, in the order in which they were given."""
        return list(dict.fromkeys(point.model for point in self.points))

    def of(self, model: str) -> list[SweptPoint]:
        """Return the points of a model."""
        return [point for point in self.points if point.model == model]

    def to_json(self) -> str:
        """Return the file `sweep.json`."""
        return json.dumps({"schema_version": SWEEP_VERSION, "redsc": __version__, **asdict(self)}, indent=1) + "\n"


def print_sweep(sweep: Sweep) -> None:
    """Print a table per model."""
    for model in sweep.models:
        print(f"\n{model}; sizes in bytes\n")
        print_table(*sweep_table(sweep.of(model)))
    if sweep.estimates is not None:
        print(f"\nlatency and energy: {sweep.estimates}")


def sweep_table(points: Sequence[SweptPoint]) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of a model's table: one per level of each point, and where nothing fits."""
    header = ["RAM budget", "selector", "level", "front", "RAM", "flash", "MACs", "%"]
    extra = [name for name, key in _ESTIMATES.items() if any(getattr(level, key) for level in _levels(points))]
    return [*header, *extra, "quality", ""], [row for point in points for row in _rows(point, extra)]


_ESTIMATES = {"latency us": "latency_us", "energy uJ": "energy_uj"}


def _levels(points: Sequence[SweptPoint]) -> list[SweptLevel]:
    return [level for point in points for level in point.levels]


def _rows(point: SweptPoint, estimates: Sequence[str]) -> list[list[str]]:
    place = [f"{point.ram_budget_bytes:,}", point.selector]
    if point.error is not None:
        return [[*place, *([""] * (7 + len(estimates))), f"{point.error.code}: {point.error.message}"]]
    return [
        [
            *place,
            level.name,
            "*" if level.on_front else "",
            f"{point.ram_bytes:,}",
            f"{point.flash_bytes:,}",
            f"{level.macs:,}",
            f"{100 * level.macs_fraction:.1f}",
            *(f"{getattr(level, _ESTIMATES[name]) or 0:,}" for name in estimates),
            quality_text(level),
            "",
        ]
        for level in point.levels
    ]


def quality_text(level: SweptLevel) -> str:
    """Return what a level is worth, and what says so."""
    quality = level.quality
    if quality is None:
        return f"{level.loss:.4f} loss, unmeasured"
    if quality.value is None:
        return "equal"
    return f"{quality.value:.4f} {quality.metric}"
