"""What flags say, read: levels, percentages, shapes and parts of images."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from fractions import Fraction
from typing import TypeVar

from redsc.errors import UsageError, did_you_mean

__all__ = [
    "Crop",
    "Size",
    "largest_first",
    "level_name",
    "parse_choice",
    "parse_crops",
    "parse_levels",
    "parse_resolutions",
    "parse_shapes",
    "parse_share",
    "parse_states",
]

Size = tuple[int, int]  # of an image: height and width
Crop = tuple[int, int, int, int]  # of an image: top, left, height and width
_SHAPE = re.compile(r"(.+)=([1-9][0-9]{0,8}(?:,[1-9][0-9]{0,8})*)")
_RESOLUTION = re.compile(r"(?:([0-9.]+%?)=)?([1-9][0-9]{0,5})(?:x([1-9][0-9]{0,5}))?")
_CROP = re.compile(r"(?:([0-9.]+%?)=)?([0-9]{1,6}),([0-9]{1,6}),([1-9][0-9]{0,5}),([1-9][0-9]{0,5})")
_PERCENTAGE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,9})?)%?")
_Choice = TypeVar("_Choice", bound=Enum)


def parse_choice(flag: str, text: str, choices: Iterable[_Choice]) -> _Choice:
    """Return the choice of this value.

    Raises:
        UsageError: there is none.
    """
    known = {str(item.value): item for item in choices}
    if text not in known:
        *others, last = known
        message = f"--{flag} {text}: write {', '.join(others)} or {last}"
        raise UsageError(message, code="U203", hint=did_you_mean(text, known))
    return known[text]


def parse_levels(text: str) -> tuple[str, ...]:
    """Return the level names of a list like `25,50,75,100`, the largest first.

    Raises:
        UsageError: an item is no percentage.
    """
    return largest_first(text.split(","))


def parse_share(text: str) -> float:
    """Return the fraction of a text like `2%`.

    Raises:
        UsageError: the text is no percentage.
    """
    match = _PERCENTAGE.fullmatch(text.strip())
    if not match or not text.strip().endswith("%"):
        raise UsageError(f"{text.strip()!r} is not a percentage", code="U217", hint="write it like 2% or 0.5%")
    return float(Fraction(match[1]) / 100)


def parse_shapes(texts: Iterable[str]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Return the input shapes of texts like `image=1,3,48,192`.

    Raises:
        UsageError: a text is no name with sizes.
    """
    return tuple(_parse_shape(text) for text in texts)


def _parse_shape(text: str) -> tuple[str, tuple[int, ...]]:
    match = _SHAPE.fullmatch(text.strip())
    if not match:
        hint = "write the input's name and all its sizes, like --shape image=1,3,48,192"
        raise UsageError(f"{text!r} is no shape of an input", code="U216", hint=hint)
    return match[1], tuple(int(size) for size in match[2].split(","))


def parse_states(texts: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return inputs and outputs of texts like `h0=hn`.

    Raises:
        UsageError: a text is no pair of names.
    """
    return tuple(_parse_state(text.strip()) for text in texts)


def _parse_state(text: str) -> tuple[str, str]:
    source, equals, target = text.partition("=")
    if not (source and equals and target):
        hint = "write the input's name and that of the output which it takes next, like --state h0=hn"
        raise UsageError(f"{text!r} is no state", code="U227", hint=hint)
    return source, target


def parse_resolutions(text: str) -> tuple[tuple[str | None, Size], ...]:
    """Return the sizes of a list like `96,64x48` or `50=64,25=48`, each with its level or None for any.

    Raises:
        UsageError: an item is no size.
    """
    return tuple(_parse_resolution(item.strip()) for item in text.split(","))


def _parse_resolution(item: str) -> tuple[str | None, Size]:
    match = _RESOLUTION.fullmatch(item)
    if not match:
        hint = "write sizes to choose from, like 96,64,48x32, or the levels that have them, like 50=64,25=48"
        raise UsageError(f"{item!r} is no size of an image", code="U224", hint=hint)
    level, height, width = match.groups()
    return level and level_name(level), (int(height), int(width or height))


def parse_crops(texts: Iterable[str]) -> tuple[tuple[str | None, Crop], ...]:
    """Return the parts of the image of texts like `16,16,64,64` or `50=16,16,64,64`, each with its level.

    The numbers are top, left, height and width; None stands for all levels that have no part of their own.

    Raises:
        UsageError: a text is no part of an image.
    """
    return tuple(_parse_crop(text.strip()) for text in texts)


def _parse_crop(text: str) -> tuple[str | None, Crop]:
    match = _CROP.fullmatch(text)
    if not match:
        hint = "write top, left, height and width, like --crop 16,16,64,64 or --crop 50=16,16,64,64"
        raise UsageError(f"{text!r} is no part of an image", code="U224", hint=hint)
    top, left, height, width = map(int, match.groups()[1:])
    return match[1] and level_name(match[1]), (top, left, height, width)


def largest_first(levels: Iterable[str]) -> tuple[str, ...]:
    """Return each level's one name, the largest first."""
    return tuple(sorted({level_name(item) for item in levels}, key=Fraction, reverse=True))


def level_name(text: str) -> str:
    """Return the one name of a percentage: `50`, `50%` and `50.0` are the level `50`.

    Raises:
        UsageError: the text is no percentage above 0, up to 100, with at most nine decimals.
    """
    match = _PERCENTAGE.fullmatch(text.strip())
    if not match or not 0 < Fraction(match[1]) <= 100:
        hint = "a level is named by its ceiling in percent of the MACs, like 50 or 12.5"
        raise UsageError(f"{text.strip()!r} is not a percentage", code="U202", hint=hint)
    whole, _, decimals = match[1].partition(".")
    return f"{int(whole)}.{decimals.rstrip('0')}".rstrip(".")
