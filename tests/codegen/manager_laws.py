"""The laws of the run-time manager in Python: which level is selected, governed to, and ends a cascade."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

from redsc.report.data import CascadeReport
from redsc.report.level import LevelReport

NONE = -1
UNLIMITED = (2**64 - 1, 2**32 - 1, 2**32 - 1, 2**32 - 1)
Budget = tuple[int, int, int, int]
"""MACs, bytes of the arena, microseconds and microjoules."""


def needs(level: LevelReport) -> Budget:
    assert level.latency_us is not None
    assert level.energy_uj is not None
    return level.macs, level.arena.total_bytes, level.latency_us, level.energy_uj


def is_within(level: LevelReport, budget: Budget, permille: int = 0) -> bool:
    """Whether a level fits, each bound taken as so many thousandths smaller, unless it bounds nothing."""
    pairs = zip(needs(level), budget, UNLIMITED, strict=True)
    return all(bound == most or 1000 * need <= bound * (1000 - permille) for need, bound, most in pairs)


def select(levels: tuple[LevelReport, ...], budget: Budget) -> int:
    return next((level.slot for level in levels if is_within(level, budget)), NONE)


@dataclass
class Governor:
    """The law of the header, told with the whole history since the last change of the level."""

    levels: tuple[LevelReport, ...]
    patience: int
    margin: int
    level: int = NONE
    is_first: bool = True
    history: list[Budget] = field(default_factory=list)

    def update(self, budget: Budget) -> int:
        most = select(self.levels, budget)
        if self.level != NONE and (most == NONE or most > self.level):
            self.level, self.history = most, []
        else:
            self.history.append(budget)
            self._go_up()
        self.is_first = False
        return self.level

    def _go_up(self) -> None:
        wait = 1 if self.is_first else max(self.patience, 1)
        margin = 0 if self.level == NONE else self.margin
        larger = self.levels if self.level == NONE else self.levels[: self.level]
        last = self.history[-wait:]
        for level in larger:
            if len(last) == wait and all(is_within(level, budget, margin) for budget in last):
                self.level, self.history = level.slot, []
                return


def budgets(levels: tuple[LevelReport, ...], random: Random, count: int) -> Iterator[Budget]:
    """Yield budgets about what levels need, exact ones and unset bounds among them, now and then the same again."""
    budget = UNLIMITED
    for _ in range(count):
        if random.random() < 0.7:
            level = needs(random.choice(levels))
            slack = random.choice([0, 0, 1, -1, 60, 400])
            near = (need + slack * need // 1000 + random.choice([-1, 0, 0, 1]) for need in level)
            macs, arena, time, energy = (random.choice(pair) for pair in zip(near, UNLIMITED, strict=True))
            budget = (macs, arena, time, energy)
        yield budget


def cascade_run(cascade: CascadeReport, largest: int, failing: int, outputs: list[list[int]]) -> list[int]:
    """Return the level that answers, which ran as bits, and 1: the output is that level's, or there is none."""
    if not 0 <= largest < len(outputs):
        return [NONE, 0, 1]
    steps = {step.slot: step.threshold for step in cascade.steps}
    follows = dict(pairwise(steps))
    slot, ran = max(next(iter(steps)), largest), 0
    while True:
        ran |= 1 << slot
        if slot == failing:
            return [NONE, ran, 1]
        second, first = sorted(outputs[slot])[-2:]
        after = follows.get(slot, slot) if first - second < (steps.get(slot) or 0) else slot
        if after == slot or after < largest:
            return [slot, ran, 1]
        slot = after
