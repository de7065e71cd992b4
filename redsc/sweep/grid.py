"""What a sweep goes through: RAM budgets as they are written, and every one of them with every selector."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from redsc.errors import UsageError
from redsc.options import Options
from redsc.units import parse_size

__all__ = ["Point", "grid", "labels", "parse_ram"]

_RANGE = re.compile(r"(.+?)\.\.(.+?)(?:/([0-9]{1,3}))?")
_SIZES = 8  # of a range that does not say how many
_MOST_SIZES = 256


@dataclass(frozen=True, slots=True)
class Point:
    """A RAM budget, as it was written, and a selector."""

    ram: str
    selector: str

    def of(self, options: Options) -> Options:
        """Return the options of this point."""
        budgets = replace(options.budgets, ram_bytes=parse_size(self.ram), ram_text=self.ram)
        return replace(options, budgets=budgets, selector=self.selector)


def grid(sizes: Sequence[str], selectors: Sequence[str]) -> list[Point]:
    """Return every size with every selector."""
    return [Point(*pair) for pair in product(sizes, selectors)]


def parse_ram(text: str) -> tuple[str, ...]:
    """Return the sizes of a list like `64KB,128KB` or a range like `32KiB..256KiB`, each once, the least first.

    A range has both ends and sizes between them in equal ratios: 8 in all, or N with `/N` behind it.

    Raises:
        UsageError: something is no size, or a range is none.
    """
    match = _RANGE.fullmatch(text.strip())
    sizes = text.split(",") if match is None else _steps(text, *match.groups())
    by_bytes = {parse_size(size): size.strip() for size in sizes}
    return tuple(by_bytes[nbytes] for nbytes in sorted(by_bytes))


def _steps(text: str, first: str, last: str, given: str | None) -> list[str]:
    low, high, count = parse_size(first), parse_size(last), _SIZES if given is None else int(given)
    if not (0 < low < high and 2 <= count <= _MOST_SIZES):
        hint = f"write LOW..HIGH, or LOW..HIGH/N for 2 to {_MOST_SIZES} sizes, like 32KiB..256KiB/4"
        raise UsageError(f"{text!r} is no range of sizes", code="U240", hint=hint)
    return [f"{round(low * (high / low) ** (step / (count - 1)))}B" for step in range(count)]


def labels(models: Sequence[Path]) -> list[str]:
    """Return short names of different files: the file's own, with folders where several have it."""
    return [_label(model, models) for model in models]


def _label(model: Path, models: Sequence[Path]) -> str:
    parts = model.parts
    for count in range(1, len(parts)):
        if sum(other.parts[-count:] == parts[-count:] for other in models) == 1:
            return "/".join(parts[-count:])
    return model.as_posix()
