from __future__ import annotations

from dataclasses import replace

from redsc.passes.select.problem import legal_widths
from tests.passes.selecting import problem_of, wide_net


def test_legal_widths_are_multiples_and_the_full_size() -> None:
    (space, *_) = problem_of(wide_net()).groups.free
    assert legal_widths(replace(space, size=10), 4) == (4, 8, 10)
    assert legal_widths(replace(space, size=3), 4) == (3,)
    assert legal_widths(replace(space, size=8), 4) == (4, 8)
