"""The stages of recovery, and the guard that takes none which makes a level worse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np

from redsc.formats import write_tflite
from redsc.ir import Array
from redsc.passes.losses.sensitivity import spread
from redsc.passes.losses.study import Study
from redsc.passes.recover.run import Recipe, run_recovery
from redsc.passes.slice.nested import LevelSet, NestedWeights, build_level, plain_weights
from redsc.progress import Progress, silent
from redsc.runtime.evaluate.divergence import Judge
from redsc.runtime.litert import run

__all__ = ["Recovered", "recover_levels"]

_FIRST_WEIGHTS = (10.0, 30.0, 100.0)  # of slot 0 in the shared solution, until it is protected enough
_MOST_LOST = 0.005  # of slot 0's accuracy
_MOST_SAMPLES = 512  # closed forms have seen enough; more only cost time


@dataclass(frozen=True, slots=True)
class Recovered:
    """Weights for all levels; `before` and `after` are their divergences on the held-back samples.

    `steps` says, in words, what was tried and taken.
    """

    weights: NestedWeights
    before: tuple[float, ...]
    after: tuple[float, ...]
    steps: tuple[str, ...]


def recover_levels(
    levels: LevelSet,
    study: Study,
    *,
    may_share: bool = True,
    keeps_first: bool = False,
    progress: Progress = silent,
) -> Recovered:
    """Return weights that undo what slicing broke, as far as closed forms can.

    1. Biases and scales per channel, then private depthwise weights and classifiers: what levels do not share. Each
       level takes the stage that diverges least from the original on the held-back samples; slot 0 stays as it is
       where it is the whole network.
    2. With `may_share` nested least squares for what levels share. It is taken if no level measurably diverges more
       than before and slot 0 loses at most 0.5 points; else slot 0 gets more weight, and at last it is not taken.
    3. With `keeps_first` slot 0 keeps a bank of its own, and is bit-exact.
    4. What was taken is solved once more from all samples, the held-back ones included.

    Args:
        levels: the network and its plan.
        study: the samples, and the original's answers on those that are held back.
        may_share: whether shared weights may change.
        keeps_first: whether slot 0 stays as it is.
        progress: told what is being done.
    """
    fit, held = spread(study.fit.samples, _MOST_SAMPLES), spread(study.held.samples, _MOST_SAMPLES // 4)
    everything, is_held = [*fit, *held], np.arange(len(fit) + len(held)) >= len(fit)
    guard = _Guard(levels, study, everything, Judge.of(study.source, everything, study.task))

    def attempt(name: str, recipe: Recipe) -> _Measured:
        progress(f"recovering the levels: {name}")
        return guard.measure(run_recovery(levels, everything, is_held, recipe), recipe)

    best = guard.measure(plain_weights(levels), None)
    before, steps = best.divergence, []
    for name, recipe in _OWN_STAGES.items():
        best, taken = guard.better_of_each(best, attempt(name, recipe))
        steps.append(f"{name}: taken for {taken or 'no level'}")
    gives_way = levels.is_whole(0) and not keeps_first
    weights = _FIRST_WEIGHTS if gives_way else _FIRST_WEIGHTS[:1]
    for weight in weights if may_share else ():
        name = f"nested least squares, weight {weight:g} on slot 0"
        tried = attempt(name, Recipe(private=True, shared=True, first_weight=weight, keeps_first=keeps_first))
        reason = guard.why_not(best, tried)
        steps.append(f"{name}: {reason or 'taken'}")
        if reason is None:
            best = tried
            break
    progress("recovering the levels: once more, on all samples")
    final = {
        recipe: run_recovery(levels, everything, is_held, replace(recipe, refits=True))
        for recipe in dict.fromkeys(best.recipes)
        if recipe is not None
    }
    return Recovered(_assembled(best, final), before, best.divergence, tuple(steps))


_OWN_STAGES = {
    "private biases and scales": Recipe(),
    "private depthwise layers and classifier": Recipe(private=True),
}


@dataclass(frozen=True, slots=True, eq=False)
class _Measured:
    """Weights; per level the recipe they are from and how far each held-back answer is from the original's."""

    weights: NestedWeights
    each: tuple[Array, ...]
    recipes: tuple[Recipe | None, ...]

    @property
    def divergence(self) -> tuple[float, ...]:
        """The mean per level."""
        return tuple(float(found.mean()) for found in self.each)


def _assembled(best: _Measured, runs: Mapping[Recipe, NestedWeights]) -> NestedWeights:
    """Return what every level took, from the runs on all samples."""
    banks = next((run.banks for recipe, run in runs.items() if recipe.shared), best.weights.banks)
    pairs = zip(best.recipes, best.weights.levels, strict=True)
    own = (mine if recipe is None else runs[recipe].levels[slot] for slot, (recipe, mine) in enumerate(pairs))
    return NestedWeights(banks, tuple(own))


@dataclass(frozen=True, slots=True)
class _Guard:
    """Judges weights by what the levels answer on the held-back samples, and slot 0 on all that recovery saw.

    `judge` has the original's answers on `everything`: held-back samples alone are too few to see half a point.
    """

    levels: LevelSet
    study: Study
    everything: Sequence[Sequence[Array]]
    judge: Judge

    def measure(self, weights: NestedWeights, recipe: Recipe | None) -> _Measured:
        held, judge = self.study.held.samples, self.study.judge
        slots = range(len(self.levels.plan.levels))
        each = tuple(judge.each(self.answers(weights, slot, held)) for slot in slots)
        return _Measured(weights, each, tuple(recipe for _ in slots))

    def answers(self, weights: NestedWeights, slot: int, samples: Sequence[Sequence[Array]]) -> list[list[Array]]:
        return run(write_tflite(build_level(self.levels, weights, slot)), samples, optimized=True)

    def better_of_each(self, best: _Measured, tried: _Measured) -> tuple[_Measured, str]:
        """Return each level's better weights, banks being equal, and which levels changed."""
        takes = [new < old for old, new in zip(best.divergence, tried.divergence, strict=True)]
        sources = [tried if take else best for take in takes]
        own = tuple(source.weights.levels[slot] for slot, source in enumerate(sources))
        merged = _Measured(
            NestedWeights(best.weights.banks, own),
            tuple(source.each[slot] for slot, source in enumerate(sources)),
            tuple(source.recipes[slot] for slot, source in enumerate(sources)),
        )
        names = (level.name for level, take in zip(self.levels.plan.levels, takes, strict=True) if take)
        return merged, ", ".join(names)

    def why_not(self, best: _Measured, tried: _Measured) -> str | None:
        """Return why weights with other banks are not taken, None if they are.

        A level is worse if the mean of the paired differences is above zero by more than its standard error.
        """
        if self.levels.is_whole(0):
            lost = self.judge.expected_loss(self.answers(tried.weights, 0, self.everything))
            if lost > _MOST_LOST:
                return f"slot 0 would lose {100 * lost:.1f} points"
        for slot, level in enumerate(self.levels.plan.levels):
            worse = tried.each[slot] - best.each[slot]
            if not self.levels.is_whole(slot) and worse.mean() > worse.std() / sqrt(len(worse)):
                return f"level {level.name} would diverge more"
        return None
