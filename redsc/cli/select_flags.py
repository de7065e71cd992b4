"""Flags that say how widths are chosen."""

from __future__ import annotations

import click

from redsc.cli.option import Flag, file, shared
from redsc.errors import UsageError, did_you_mean
from redsc.passes import SELECTORS

__all__ = ["SEARCH_FLAGS", "SELECT_FLAGS", "parse_selectors"]


def _count(flag: str, least: int, default: int, text: str) -> Flag:
    kind = click.IntRange(least, 10_000)
    return shared(f"--{flag}", type=kind, default=default, show_default=True, help=text)


SEARCH_FLAGS: tuple[Flag, ...] = (
    shared("--ratio", type=float, metavar="SHARE", help="ratios: cut this share of every space's channels."),
    file("--ratios", "FILE.toml", 'ratios: cut what the file says, a line "SPACE" = SHARE each.'),
    shared(
        "--step",
        metavar="PERCENT",
        default="2.5%",
        show_default=True,
        help="netadapt: what a step takes of what is too much.",
    ),
    _count("population", 2, 64, "genetic: networks in a generation."),
    _count("generations", 0, 60, "genetic: how many generations."),
    _count("seed", 0, 0, "genetic: where its chance begins."),
)
SELECT_FLAGS: tuple[Flag, ...] = (
    file("--plan", None, "Use this plan instead of searching one."),
    shared(
        "--select",
        type=click.Choice(list(SELECTORS)),
        show_default="joint",
        help="How widths are chosen: joint does so exactly for all levels at once, others as other tools do.",
    ),
    *SEARCH_FLAGS,
)


def parse_selectors(text: str) -> tuple[str, ...]:
    """Return the selectors of a list like `joint,uniform`, each once.

    Raises:
        UsageError: there is no such selector.
    """
    names = tuple(dict.fromkeys(item.strip() for item in text.split(",")))
    if unknown := [name for name in names if name not in SELECTORS]:
        hint = did_you_mean(unknown[0], SELECTORS) or f"there are {', '.join(SELECTORS)}"
        raise UsageError(f"there is no selector {unknown[0]!r}", code="U209", hint=hint)
    return names
