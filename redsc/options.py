"""What the user asks for: frozen, checked once, understood everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from redsc.errors import UsageError, did_you_mean
from redsc.units import parse_count, parse_size

__all__ = ["Budgets", "Options", "Resident", "parse_levels"]

_DEFAULT_WIDTH_MULTIPLE = 4  # what CMSIS-NN's inner loops take at once; research on odd widths: one point of MACs


class Resident(Enum):
    """How many levels are ready to run at the same time."""

    ALL = "all"
    ONE = "one"


@dataclass(frozen=True, slots=True)
class Budgets:
    """Upper bounds, None where there is none. `ram_text` is the RAM budget as the user wrote it."""

    ram_bytes: int | None = None
    flash_bytes: int | None = None
    macs: int | None = None
    resident: Resident = Resident.ALL
    ram_text: str | None = None

    @staticmethod
    def parse(
        ram: str | None = None, flash: str | None = None, macs: str | None = None, resident: str = "all"
    ) -> Budgets:
        """Return budgets from texts like `200KB` and `2.5M`.

        Raises:
            UsageError: a text is no size or count.
        """
        if resident not in {item.value for item in Resident}:
            hint = did_you_mean(resident, [item.value for item in Resident])
            raise UsageError(f"--resident {resident}: write all or one", code="U203", hint=hint)
        return Budgets(
            ram_bytes=None if ram is None else parse_size(ram),
            flash_bytes=None if flash is None else parse_size(flash),
            macs=None if macs is None else parse_count(macs),
            resident=Resident(resident),
            ram_text=ram,
        )


@dataclass(frozen=True, slots=True)
class Options:
    """Everything a compile depends on besides the model file.

    Levels are named by their ceilings in percent of the model's MACs; without names there is one lossless level.
    """

    budgets: Budgets = Budgets()
    levels: tuple[str, ...] = ()
    freeze: tuple[str, ...] = ()
    plan: Path | None = None
    selector: str = "uniform"
    width_multiple: int = _DEFAULT_WIDTH_MULTIPLE
    name: str | None = None
    data: Path | None = None


def parse_levels(text: str) -> tuple[str, ...]:
    """Return the level names of a list like `25,50,75,100`, the largest first.

    Raises:
        UsageError: an item is no percentage.
    """
    percents: dict[str, float] = {}
    for item in text.split(","):
        name = item.strip().removesuffix("%")
        try:
            percent = float(name)
        except ValueError:
            percent = 0.0
        if not 0 < percent <= 100:
            raise UsageError(
                f"--levels: {item.strip()!r} is not a percentage", code="U202", hint="write it like 25,50,75,100"
            )
        percents[f"{percent:g}"] = percent
    return tuple(sorted(percents, key=lambda name: -percents[name]))
