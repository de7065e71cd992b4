"""The frozen result of a search: which channels come first, and how wide each level is.

A plan is data. `permute.py` and `slice.py` apply it; it goes to disk as JSON and comes back with `--plan`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from math import floor
from typing import Any

from redsc.errors import UsageError
from redsc.option_texts import level_name
from redsc.runtime.data.view import Crop, Size, View

__all__ = ["PLAN_VERSION", "Level", "LevelPlan", "ceiling_macs", "ceiling_name"]

PLAN_VERSION = 1


@dataclass(frozen=True, slots=True)
class Level:
    """One network: the width of every free channel space, the blocks that it skips, and what it sees of an image.

    That is the part `crop` (top, left, height, width), scaled to `resolution` (height, width); None is all of it,
    as it is.
    """

    name: str
    widths: Mapping[str, int]
    skipped: tuple[str, ...] = ()
    resolution: Size | None = None
    crop: Crop | None = None

    @property
    def view(self) -> View:
        """What the level sees of an image."""
        return View(self.crop, self.resolution)


@dataclass(frozen=True, slots=True)
class LevelPlan:
    """Levels, the largest first, each nested in the one before; `order` lists each space's channels, best first.

    `segments` names the segments of a chain that levels may skip: they tie channel spaces together.
    """

    levels: tuple[Level, ...]
    order: Mapping[str, tuple[int, ...]]
    segments: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Return the plan file: stable, and short enough to edit."""
        levels = ",\n  ".join(json.dumps(asdict(level)) for level in self.levels)
        order = ",\n  ".join(f"{json.dumps(name)}: {json.dumps(ids)}" for name, ids in self.order.items())
        segments = f' "segments": {json.dumps(self.segments)},\n' if self.segments else ""
        head = f'{{"plan_version": {PLAN_VERSION},\n{segments}'
        return f'{head} "levels": [\n  {levels}\n ],\n "order": {{\n  {order}\n }}}}\n'

    @staticmethod
    def from_json(text: str) -> LevelPlan:
        """Return the plan of a plan file.

        Raises:
            UsageError: the text is no plan.
        """
        try:
            found = json.loads(text)
            version = found["plan_version"]
            levels = tuple(_level(item) for item in found["levels"])
            order = {str(name): tuple(int(i) for i in ids) for name, ids in found["order"].items()}
            segments = tuple(str(name) for name in found.get("segments", ()))
        except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError) as error:
            raise UsageError(
                "this is not a plan file",
                code="U205",
                evidence=[f"{type(error).__name__}: {error}"],
                hint="redsc compile writes one: NAME.plan.json",
            ) from error
        if version != PLAN_VERSION or not levels:
            raise UsageError(f"the plan has version {version} and {len(levels)} levels", code="U205")
        return LevelPlan(levels, order, segments)


def ceiling_macs(name: str, full_macs: int) -> int:
    """Return the MACs that a level named by a percentage may take.

    Raises:
        UsageError: the name is no percentage.
    """
    return floor(Fraction(level_name(name)) * full_macs / 100)


def ceiling_name(macs: int, full_macs: int) -> str:
    """Return the percentage with one decimal that `macs` does not exceed: a level's name."""
    tenths = -(-1000 * macs // max(full_macs, 1))
    return f"{tenths / 10:g}"


def _level(item: Mapping[str, Any]) -> Level:
    resolution, crop = item.get("resolution"), item.get("crop")
    if resolution is not None:
        height, width = map(int, resolution)
        resolution = height, width
    if crop is not None:
        top, left, height, width = map(int, crop)
        crop = top, left, height, width
    return Level(
        name=str(item["name"]),
        widths={str(name): int(width) for name, width in item["widths"].items()},
        skipped=tuple(str(name) for name in item.get("skipped", ())),
        resolution=resolution,
        crop=crop,
    )
