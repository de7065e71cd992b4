"""Selectors side by side: what each makes of the same model, data, losses and budgets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from redsc.errors import Diagnostic
from redsc.report.text import print_table
from redsc.runtime.evaluate.quality import Quality

__all__ = ["COMPARISON_VERSION", "ComparedLevel", "Comparison", "Side", "print_comparison"]

COMPARISON_VERSION = 1


@dataclass(frozen=True, slots=True)
class ComparedLevel:
    """A level that a selector chose, with its recovered weights."""

    name: str
    macs: int
    macs_fraction: float
    arena_bytes: int
    quality: Quality | None


@dataclass(frozen=True, slots=True)
class Side:
    """What one selector made of it.

    Attributes:
        selector: its name.
        status: as in the report: `optimal`, `gap`, `heuristic` or `given`; None where it found no levels.
        objective: the loss of all levels in sum.
        macs: those of the largest level.
        ram_bytes: what the levels take, as many of them as are to be ready.
        flash_bytes: their container and the kernels that they need.
        seconds: of CPU time for choosing, without recovery and what all selectors have in common.
        levels: the largest first.
        error: why there are none.
    """

    selector: str
    status: str | None = None
    objective: float | None = None
    macs: int | None = None
    ram_bytes: int | None = None
    flash_bytes: int | None = None
    seconds: float | None = None
    levels: tuple[ComparedLevel, ...] = ()
    error: Diagnostic | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """All selectors that were asked for, in that order."""

    model: str
    sides: tuple[Side, ...]

    def to_json(self) -> str:
        """Return the JSON form."""
        found = {"comparison_version": COMPARISON_VERSION, **asdict(self)}
        return json.dumps(found, indent=1)


def print_comparison(comparison: Comparison) -> None:
    """Print a table of the selectors, and one of the quality of their levels."""
    header = ["selector", "status", "levels", "loss", "MACs", "RAM", "flash", "CPU s"]
    print_table(header, [_totals(side) for side in comparison.sides])
    names = list(dict.fromkeys(level.name for side in comparison.sides for level in side.levels))
    found = [side for side in comparison.sides if side.levels]
    print()
    metrics = {level.quality.metric for side in found for level in side.levels if level.quality}
    print_table(
        [" and divergence, ".join([*metrics, "MACs %"]), *(side.selector for side in found)],
        [[name, *(_cell(side.levels, name) for side in found)] for name in sorted(names, key=float, reverse=True)],
    )


def _totals(side: Side) -> list[str]:
    if side.error is not None:
        return [side.selector, side.error.code, "0", "", "", "", "", ""]
    return [
        side.selector,
        str(side.status),
        str(len(side.levels)),
        f"{side.objective or 0:.4f}",
        f"{side.macs:,}",
        f"{side.ram_bytes:,}",
        f"{side.flash_bytes:,}",
        f"{side.seconds:.1f}",
    ]


def _cell(levels: Sequence[ComparedLevel], name: str) -> str:
    """Return what a selector made of a level: what was measured, and its share of the MACs."""
    found = next((level for level in levels if level.name == name), None)
    if found is None:
        return "-"
    share = f"{100 * found.macs_fraction:.1f}"
    if (quality := found.quality) is None:
        return share
    value = "equal" if quality.value is None else f"{quality.value:.4f}"
    divergence = "-" if quality.divergence is None else f"{quality.divergence:.4f}"
    return f"{value} {divergence} {share}"
