"""What is known of targets, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from redsc.choices import FlashCache
from redsc.report.text import print_table
from redsc.targets import CostTable, Evidence, Rates, Target, tables_of
from redsc.units import kibibytes, size_with_unit

__all__ = ["print_target", "print_targets", "targets_dict"]


def print_targets(targets: Iterable[Target]) -> None:
    """Print a row per target; a star is for energy that was measured there."""
    print_table(["target", "RAM", "flash", "core", "MHz", "cache", "kernels", "tables"], [*map(_row, targets)])
    print(
        "\nRAM and flash: in KiB; kernels: those that TFLM is built with\n"
        "tables: of time, published + modelled or guessed; * of energy too\n"
        "redsc targets NAME lists them with their sources\n"
        "docs/targets.md says how to write a file of your own"
    )


def print_target(target: Target) -> None:
    """Print all that is known of a target."""
    print(f"{target.name}: {target.board}, {target.core} at {target.megahertz} MHz, TFLM with {target.library}")
    print(f"  RAM     {_memory(target.ram_bytes, target.ram_is)}")
    print(f"  flash   {_memory(target.flash_bytes, target.flash_is)}")
    print(f"  cache   {target.cache.value}")
    print(f"  source  {target.source}")
    for costs in tables_of(target):
        print(f"  {costs.library}: {costs.evidence.value}{_errors(costs, target)}; {costs.source}")
        for unit, rates in _units(costs, target).items():
            for op, row in rates.items():
                figures = ", ".join(f"{rate / 1000:g} for {kind}" for kind, rate in row.items())
                print(f"    {unit} {op}: {figures}")


def targets_dict(targets: Iterable[Target]) -> list[dict[str, Any]]:
    """Return all that is known of targets as plain data; rates are in cycles and picojoules."""
    return [_target_dict(target) for target in targets]


def _target_dict(target: Target) -> dict[str, Any]:
    facts = asdict(target)
    for name in ("files", "tables"):
        del facts[name]
    tables = [
        {
            **{name: getattr(costs, name) for name in ("core", "library", "source", "board")},
            "evidence": costs.evidence.value,
            "error_percent": costs.error_percent,
            "energy_error_percent": costs.energy_error_percent,
            **{unit: _real(rates) for unit, rates in _units(costs, target).items()},
        }
        for costs in tables_of(target)
    ]
    return {**facts, "cache": target.cache.value, "tables": tables}


def _row(target: Target) -> list[str]:
    return [
        target.name,
        *("-" if nbytes is None else kibibytes(nbytes) for nbytes in (target.ram_bytes, target.flash_bytes)),
        target.core,
        str(target.megahertz),
        "-" if target.cache is FlashCache.NONE else target.cache.value,
        target.library,
        _counted(target, tables_of(target)),
    ]


def _counted(target: Target, tables: Sequence[CostTable]) -> str:
    weak = sum(costs.evidence in (Evidence.MODELLED, Evidence.UNMEASURED) for costs in tables)
    star = "*" * any(_has_energy(costs, target) for costs in tables)
    return f"{len(tables) - weak}{f' + {weak}' * bool(weak)}{star}" if tables else "-"


def _has_energy(costs: CostTable, target: Target) -> bool:
    return costs.femtojoules is not None and costs.board == target.name


def _units(costs: CostTable, target: Target) -> dict[str, Rates]:
    energy = {"picojoules": costs.femtojoules} if costs.femtojoules and _has_energy(costs, target) else {}
    return {"cycles": costs.millicycles, **energy}


def _real(rates: Rates) -> dict[str, dict[str, float]]:
    return {op: {kind: rate / 1000 for kind, rate in row.items()} for op, row in rates.items()}


def _errors(costs: CostTable, target: Target) -> str:
    where = f" on {costs.board}" if costs.board not in (None, target.name) else ""
    energy = f", energy ±{costs.energy_error_percent:g} %" if _has_energy(costs, target) else ""
    return ("" if costs.error_percent is None else f", time ±{costs.error_percent:g} %") + energy + where


def _memory(nbytes: int | None, what: str) -> str:
    return "not known" if nbytes is None else size_with_unit(nbytes) + (f": {what}" if what else "")
