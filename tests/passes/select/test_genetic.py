"""What is particular about `genetic`; what it shares with others is in test_selectors.py."""

from __future__ import annotations

from dataclasses import replace

from redsc.options import Searching
from redsc.passes.select.selectors.genetic import select_genetic
from tests.passes.selecting import complaints, posed, residuals


def test_genetic_is_legal_without_any_generation() -> None:
    problem = replace(posed(residuals(), seed=1), searching=Searching(population=2, generations=0))
    assert complaints(problem, select_genetic(problem)) == []


def test_generations_improve_and_the_seed_decides() -> None:
    problem = posed(residuals(), seed=1)
    few, many, other = (
        select_genetic(replace(problem, searching=Searching(population=8, generations=count, seed=seed)))
        for count, seed in ((0, 0), (60, 0), (60, 1))
    )
    losses = [selection.solver.objective or 0.0 for selection in (few, many, other)]
    assert losses[1] < losses[0]
    assert losses[2] < losses[0]


def test_genetic_tells_its_generations() -> None:
    told: list[tuple[str, int, int]] = []

    def progress(stage: str, done: int = 0, total: int = 0) -> None:
        told.append((stage, done, total))

    problem = replace(posed(residuals()), progress=progress, searching=Searching(population=2, generations=3))
    select_genetic(problem)
    assert told[:3] == [("breeding level 60", done, 3) for done in range(3)]
