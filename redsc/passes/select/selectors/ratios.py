"""Ratios instead of a search: the share of channels that goes, of all spaces or as a file says of each."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from redsc.errors import UsageError, did_you_mean
from redsc.files import read_file
from redsc.limits import DEFAULT_LIMITS
from redsc.passes.select.problem import Problem, Selection, Solver
from redsc.passes.select.shortfall import budget_error
from redsc.passes.select.slots import make_plan

__all__ = ["select_ratios"]

_REST = "*"  # stands for all spaces that the file does not name
_HINT = 'a line of it is "SPACE" = 0.5, of all others "*" = 0.5; `redsc levels --spaces` lists the names'


def select_ratios(problem: Problem) -> Selection:
    """Return the one network of which the given share of the channels went, in every space.

    A space has the widest legal width that is no more than what remains, at least its narrowest. The level is named
    by its real MACs.

    Raises:
        UsageError: there are no ratios, or they are none of this model's.
        BudgetError: the network does not fit.
    """
    ratios = _ratios(problem)
    widths = {name: _width(problem, name, ratios.get(name, ratios[_REST])) for name in problem.full}
    level = problem.candidate(widths, view=problem.requests[0].view)
    if not problem.fits([level]):
        raise budget_error(problem, level, "the network with these ratios")
    return Selection(
        make_plan(problem, [(problem.real_name(level), level)]), (), Solver("given", problem.loss(level))
    )


def _width(problem: Problem, name: str, ratio: float) -> int:
    kept = round(problem.full[name] * (1 - ratio), 6)  # 0.9 of 10 channels are 9, whatever floats make of it
    return max((width for width in problem.legal(name) if width <= kept), default=problem.narrowest[name])


def _ratios(problem: Problem) -> Mapping[str, float]:
    """Return the ratios by the names of the spaces, that of all others under `*`."""
    asked = problem.searching
    if (asked.ratio is None) == (asked.ratios is None):
        hint = "--ratio 0.5 cuts half of the channels of every space, --ratios FILE says so for each"
        raise UsageError("--select ratios needs --ratio or --ratios, one of them", code="U226", hint=hint)
    ratios = {_REST: asked.ratio or 0.0, **({} if asked.ratios is None else _read(asked.ratios))}
    frozen = {space.name for space in problem.groups.spaces if space.frozen}
    if unknown := [name for name in ratios if name not in problem.full and name != _REST]:
        why = "its width is frozen" if unknown[0] in frozen else "there is no such channel space"
        hint = did_you_mean(unknown[0], problem.full) or _HINT
        raise UsageError(f"{asked.ratios}: {unknown[0]}: {why}", code="U226", hint=hint)
    if wrong := [name for name, ratio in ratios.items() if not _is_ratio(ratio)]:
        raise UsageError(f"{ratios[wrong[0]]} of {wrong[0]} is no ratio from 0 to below 1", code="U226")
    return ratios


def _is_ratio(ratio: object) -> bool:
    return isinstance(ratio, (int, float)) and not isinstance(ratio, bool) and 0 <= ratio < 1


def _read(path: Path) -> dict[str, float]:
    try:
        return tomllib.loads(read_file(path, DEFAULT_LIMITS.text_bytes).decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        message = f"cannot read the ratios {path}"
        raise UsageError(message, code="U226", evidence=[str(error)], hint=_HINT) from error
