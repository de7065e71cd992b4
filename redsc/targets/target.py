"""What is known of a board: memory, core, clock, the flash's cache, and tables of what inferences cost there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from redsc.choices import FlashCache
from redsc.targets.grid import Grid

__all__ = ["WORK_KINDS", "CostTable", "Evidence", "Rates", "Target"]

WORK_KINDS = ("macs", "results", "windows", "operands", "channels", "calls")
"""What may be counted of a node; `redsc.cost.latency` says how."""

Rates = Mapping[str, Mapping[str, int]]
"""By op, or `other`: thousandths of a unit for one of each kind of work."""


class Evidence(Enum):
    """Where a table's figures are from.

    MEASURED: layers on the board. PUBLISHED: fitted to whole networks that others measured. MODELLED: an emulator's
    counts. UNMEASURED: a guess.
    """

    MEASURED = "measured"
    PUBLISHED = "published"
    MODELLED = "modelled"
    UNMEASURED = "unmeasured"


@dataclass(frozen=True, slots=True)
class CostTable:
    """What an inference costs on one core with one kernel library.

    `millicycles` and `femtojoules` are rates; the errors are those of the worst network that they were fitted to.
    `board` is the target on which that was, and for which alone energy is known. `layers` are those that were
    measured, by their form (`redsc.cost.latency.shape`): only what lies on none of these grids is counted by rates.
    """

    core: str
    library: str
    evidence: Evidence
    source: str
    millicycles: Rates
    board: str | None = None
    error_percent: float | None = None
    femtojoules: Rates | None = None
    energy_error_percent: float | None = None
    layers: Mapping[str, Grid] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Target:
    """A board, None where something is not known.

    `library` is what TFLM's kernels are there. `ram_bytes` is the largest stretch of addresses that an arena can
    have, `ram_is` which memory that is; programs need some of it for themselves, as of the flash. `tables` are the
    board's own, `files` what was read for it, none where it comes with redsc.
    """

    name: str
    board: str
    core: str
    megahertz: int
    library: str
    source: str
    ram_bytes: int | None = None
    ram_is: str = ""
    flash_bytes: int | None = None
    flash_is: str = ""
    cache: FlashCache = FlashCache.NONE
    tables: tuple[CostTable, ...] = ()
    files: tuple[Path, ...] = ()
