"""Flags that say how widths are chosen, and the part of the options that they make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from redsc.errors import UsageError, did_you_mean
from redsc.options import Searching, parse_share
from redsc.passes import SELECTORS

__all__ = ["SEARCH_DEFAULTS", "SEARCH_FLAGS", "SELECT_FLAGS", "parse_selectors", "searching_of", "selector_of"]

Flag = Callable[[Callable[..., None]], Callable[..., None]]

SEARCH_DEFAULTS: Mapping[str, Any] = {**asdict(Searching()), "step": f"{100 * Searching().step:g}%"}


def _count(flag: str, least: int, text: str) -> Flag:
    kind, default = click.IntRange(least, 10_000), SEARCH_DEFAULTS[flag]
    return click.option(f"--{flag}", type=kind, default=default, show_default=True, help=text)


SEARCH_FLAGS: tuple[Flag, ...] = (
    click.option("--ratio", type=float, metavar="SHARE", help="ratios: cut this share of every space's channels."),
    click.option(
        "--ratios",
        type=click.Path(path_type=Path),
        metavar="FILE.toml",
        help='ratios: cut what the file says, a line "SPACE" = SHARE each.',
    ),
    click.option(
        "--step",
        metavar="PERCENT",
        default=SEARCH_DEFAULTS["step"],
        show_default=True,
        help="netadapt: what a step takes of what is too much.",
    ),
    _count("population", 2, "genetic: networks in a generation."),
    _count("generations", 0, "genetic: how many generations."),
    _count("seed", 0, "genetic: where its chance begins."),
)
SELECT_FLAGS: tuple[Flag, ...] = (
    click.option("--plan", type=click.Path(path_type=Path), help="Use this plan instead of searching one."),
    click.option(
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


def selector_of(found: Mapping[str, Any]) -> str:
    """Return the selector that flags name; ratios need no further flag.

    Raises:
        UsageError: there are ratios, and another selector or levels.
    """
    if found["ratio"] is None and found["ratios"] is None:
        return found["select"] or "joint"
    if found["select"] not in (None, "ratios") or found["levels"] is not None or found["plan"] is not None:
        message = "--ratio and --ratios make one level, without --select, --levels and --plan"
        raise UsageError(message, code="U226", hint="`redsc compare` puts ratios beside other selectors")
    return "ratios"


def searching_of(found: Mapping[str, Any]) -> Searching:
    """Return what some selectors ask besides.

    Raises:
        UsageError: the step is no percentage above 0.
    """
    step = parse_share(found["step"])
    if not 0 < step <= 1:
        raise UsageError(f"--step {found['step']}: a step takes more than 0 % and at most 100 %", code="U217")
    return Searching(
        step=step,
        population=found["population"],
        generations=found["generations"],
        seed=found["seed"],
        ratio=found["ratio"],
        ratios=found["ratios"],
    )
