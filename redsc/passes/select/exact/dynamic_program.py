"""What one level loses at least, and at least with each of its choices: dynamic programming over its spaces.

Variables come one after the other. Those that have terms with later ones are the state, with the units of MACs
that are spent: in a chain of layers that is one space, with residuals it is two and whether a block is skipped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from math import inf, prod

import numpy as np

from redsc.ir import Array
from redsc.passes.select.sums.terms import Cost, Term

__all__ = ["Choices", "DynamicProgram", "Variable"]

_MOST_UNITS = 2000  # of the MACs of a level
_MOST_STATES = 2**13
_MOST_NUMBERS = 2**20  # of states with units

Variable = tuple[str, str]  # ("width", space), or ("skip", block) with choices 0 and 1
Choices = Mapping[Variable, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class _Step:
    """Terms of one variable with earlier ones: units of MACs, bytes and loss, with an axis per variable.

    The variable is on the last axis; those on the axes `closing` have no terms with later ones.
    """

    closing: tuple[int, ...]
    units: Array
    nbytes: Array
    lost: Array

    def spend(self, before: Array, price: float) -> Array:
        """Return the least loss by state and units at most, with that of this step and its bytes at a price."""
        after = np.full((*self.units.shape, before.shape[-1]), inf)
        before, added = np.broadcast_to(before, after.shape), self.lost + price * self.nbytes
        for state in np.ndindex(self.units.shape):
            spent = self.units[state]
            after[state][spent:] = before[state][: max(before.shape[-1] - spent, 0)] + added[state]
        return after

    def opened(self, later: Array) -> Array:
        """Return an array by the variables that stay, as one by those of the step."""
        return np.expand_dims(later, self.closing)


@dataclass(frozen=True, slots=True)
class DynamicProgram:
    """The steps of a level, with `units` of MACs to be spent on them; some bytes and loss it has anyway."""

    choices: Choices
    steps: tuple[_Step, ...]
    units: int
    nbytes: int
    lost: int

    @staticmethod
    def of(choices: Choices, macs: Cost, tail: Cost, losses: Cost, ceiling_macs: int) -> DynamicProgram | None:
        """Return the program over variables in this order; None where too many must be known at once.

        Args:
            choices: what each variable may be.
            macs: what is spent, at most `ceiling_macs` of it.
            tail: bytes that have a price.
            losses: what is to be least.
            ceiling_macs: the MACs that there are.
        """
        states = _states(choices, [_variables(term, choices) for term in (*macs, *tail, *losses)])
        most = max(prod(len(choices[variable]) for variable in state) for state in states)
        if most > _MOST_STATES:
            return None
        spent, nbytes, lost = (_sums(cost, choices, states) for cost in (macs, tail, losses))
        count = min(_MOST_UNITS, _MOST_NUMBERS // most)
        unit = max(ceiling_macs, 1) / count
        *units, fixed = (np.minimum(array // unit, count + 1).astype(int) for array in spent)
        closing = (
            tuple(axis for axis, variable in enumerate(state) if variable not in later)
            for state, later in pairwise(states)
        )
        steps = tuple(map(_Step, closing, units, nbytes, lost))
        return DynamicProgram(choices, steps, max(count - int(fixed), 0), int(nbytes[-1]), int(lost[-1]))

    def least(self, price: float) -> float:
        """Return what the level loses at least with its bytes at a price."""
        *_, last = self._forward(price)
        return float(last[-1]) + self._fixed(price)

    def least_by_choice(self, price: float) -> dict[Variable, dict[int, float]]:
        """Return what the level loses at least with each choice of each variable."""
        found: dict[Variable, dict[int, float]] = {}
        after = np.zeros(self.units + 1)
        before = list(self._forward(price))[:-1]
        for variable, step, known in reversed(list(zip(self.choices, self.steps, before, strict=True))):
            spent = step.spend(step.opened(after), price)
            whole = (known[..., None, :] + spent[..., ::-1]).min(-1)
            least = whole.min(tuple(range(whole.ndim - 1))) + self._fixed(price)
            found[variable] = dict(zip(self.choices[variable], least.tolist(), strict=True))
            after = spent.min(-2)
        return found

    def _forward(self, price: float) -> Iterator[Array]:
        """Yield the least loss by state and units, before the first step and after each."""
        known = np.zeros(self.units + 1)
        yield known
        for step in self.steps:
            known = step.spend(known[..., None, :], price).min(step.closing)
            yield known

    def _fixed(self, price: float) -> float:
        return self.lost + price * self.nbytes


def _variables(term: Term, choices: Choices) -> tuple[Variable, ...]:
    """Return the variables of a term in the order of the program."""
    skips = {name for name in (term.block, *term.without) if name is not None}
    named = {*(("width", space) for space in term.spaces), *(("skip", name) for name in skips)}
    return tuple(variable for variable in choices if variable in named)


def _states(choices: Choices, together: Sequence[Sequence[Variable]]) -> list[tuple[Variable, ...]]:
    """Return each variable after those before it that have terms with it or with later ones; at last none."""
    order = list(choices)
    places = {variable: index for index, variable in enumerate(order)}
    last = {
        variable: max((places[other] for others in together if variable in others for other in others), default=0)
        for variable in order
    }
    states = (
        (*(other for other in order[:index] if last[other] >= index), variable)
        for index, variable in enumerate(order)
    )
    return [*states, ()]


def _sums(cost: Cost, choices: Choices, states: Sequence[Sequence[Variable]]) -> list[Array]:
    """Return the sums of terms by the variables of a state: a term is in the first state with all that it has."""
    sums = [np.zeros([len(choices[variable]) for variable in state]) for state in states]
    places = {variable: index for index, variable in enumerate(choices)}
    for term in cost:
        variables = _variables(term, choices)
        index = max((places[variable] for variable in variables), default=-1)
        sums[index] += _table(term, variables, choices, states[index])
    return sums


def _table(term: Term, variables: Sequence[Variable], choices: Choices, state: Sequence[Variable]) -> Array:
    """Return a term by the variables of a state; axes of those that it does not have are of length 1."""
    shape = [len(choices[variable]) if variable in variables else 1 for variable in state]
    values = []
    for chosen in product(*(choices[variable] for variable in variables)):
        by_name = dict(zip(variables, chosen, strict=True))
        is_there = not by_name.get(("skip", term.block or ""), 0) and all(by_name["skip", b] for b in term.without)
        values.append(term.of(*(by_name["width", space] for space in term.spaces)) if is_there else 0)
    return np.array(values, float).reshape(shape)
