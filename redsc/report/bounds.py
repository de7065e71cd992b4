"""What an artefact takes beside what it may take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from redsc.report.data import Report

__all__ = ["Bound", "bounds"]


@dataclass(frozen=True, slots=True)
class Bound:
    """A figure and its budget; `percent` is what it takes of that, both None where nothing was asked."""

    name: str
    value: str
    note: str
    budget: str | None = None
    percent: float | None = None


def bounds(report: Report) -> list[Bound]:
    """Return what budgets are about: RAM and flash of all levels, MACs and time of the largest."""
    budget, largest = report.budget, report.levels[0]
    is_all = budget.resident == "all"
    ram = report.arena.resident_all_bytes if is_all else report.arena.resident_one_bytes
    ready = "every level ready" if is_all else "one level at a time"
    flash = report.flash.container_bytes + report.flash.kernel_bytes
    figures = [
        ("RAM", ram, budget.ram_bytes, _bytes, ready if len(report.levels) > 1 else "the whole arena"),
        ("Flash", flash, budget.flash_bytes, _bytes, "with redsc's kernels" if report.flash.kernel_bytes else ""),
        ("MACs", largest.macs, budget.macs, _millions, f"level {largest.name}"),
    ]
    if largest.latency_us is not None:
        note = f"level {largest.name}, {largest.latency_basis}"
        figures.append(("Latency", largest.latency_us, budget.latency_us, _milliseconds, note))
    return [_bound(*figure) for figure in figures]


def _bound(name: str, value: int, budget: int | None, text: Callable[[int], str], note: str) -> Bound:
    if budget is None:
        return Bound(name, text(value), note)
    return Bound(name, text(value), note, text(budget), round(100 * value / max(budget, 1), 1))


def _bytes(size_bytes: int) -> str:
    return f"{size_bytes:,} B"


def _millions(count: int) -> str:
    return f"{count / 1e6:,.3f} M"


def _milliseconds(microseconds: int) -> str:
    return f"{microseconds / 1000:,.2f} ms"
