from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from redsc.report.sweep import SweptLevel, SweptPoint
from redsc.sweep.front import mark_front, pareto

ROW = st.tuples(*[st.integers(0, 3).map(float)] * 3)


@given(st.lists(ROW, max_size=12))
def test_the_front_is_what_nothing_dominates(rows: list[tuple[float, ...]]) -> None:
    def dominated(row: tuple[float, ...]) -> bool:
        return any(other != row and all(a <= b for a, b in zip(other, row, strict=True)) for other in rows)

    wanted = [not dominated(row) and rows.index(row) == place for place, row in enumerate(rows)]
    assert pareto(rows) == wanted


def _level(name: str, macs: int, loss: float) -> SweptLevel:
    return SweptLevel(name, macs, macs / 100, 10, None, None, loss, None)


def test_models_have_fronts_of_their_own() -> None:
    good = SweptPoint("a", "", 100, "joint", ram_bytes=10, flash_bytes=10, levels=(_level("50", 50, 0.1),))
    poor = SweptPoint("a", "", 100, "uniform", ram_bytes=10, flash_bytes=10, levels=(_level("50", 50, 0.2),))
    alone = SweptPoint("b", "", 100, "uniform", ram_bytes=10, flash_bytes=10, levels=(_level("50", 50, 0.2),))
    nothing = SweptPoint("b", "", 50, "uniform")
    marked = mark_front([good, poor, nothing, alone])
    assert [[level.on_front for level in point.levels] for point in marked] == [[True], [False], [], [True]]


def test_more_flash_or_ram_must_buy_something() -> None:
    rows = [
        SweptPoint("a", "", ram, "joint", ram_bytes=ram, flash_bytes=flash, levels=(_level("50", 50, loss),))
        for ram, flash, loss in ((10, 10, 0.3), (20, 10, 0.3), (20, 20, 0.2), (10, 30, 0.2), (30, 30, 0.2))
    ]
    assert [point.levels[0].on_front for point in mark_front(rows)] == [True, False, True, True, False]
