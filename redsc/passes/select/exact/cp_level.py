"""One level as variables of CP-SAT: one-hot widths, and one-hot pairs of widths where a layer couples two spaces.

A pair variable is 1 where both widths are taken: rows and columns of their table add up to the one-hot widths. This
is the convex hull of a product of two one-hot choices, so the linear relaxation is tight. Three levels of a
DS-CNN-S are proven in a second; the same with products of integers had a gap of 3 % after 30 s.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from redsc.passes.select.problem import Widths
from redsc.passes.select.sums.costs import Costs
from redsc.passes.select.sums.flash import Copies
from redsc.passes.select.sums.terms import Cost, evaluate
from redsc.passes.slice.plan import Level
from redsc.runtime.data.view import WHOLE, View

__all__ = ["LevelDomain", "LevelModel"]

_Choices = list[tuple[tuple[int, ...], Any]]  # widths, and the literal that is true where they are taken


@dataclass(frozen=True, slots=True)
class LevelDomain:
    """What one level may be.

    The MACs that it must not exceed, the widths to choose from per space, ascending, the blocks that it must and
    may skip, and what it sees of an image.
    """

    ceiling_macs: int
    options: Mapping[str, tuple[int, ...]]
    must_skip: frozenset[str] = frozenset()
    may_skip: frozenset[str] = frozenset()
    view: View = WHOLE

    def level(self, widths: Widths, skipped: tuple[str, ...]) -> Level:
        """Return the level with these widths and without these blocks; it has no name."""
        return Level("", widths, skipped, self.view.size, self.view.crop)


class LevelModel:
    """The variables of a level: `skipped` by block, `widths` by space and width; a space that is gone has none."""

    def __init__(self, costs: Costs, domain: LevelDomain, cp: Any) -> None:
        self.costs, self.domain, self.cp = costs.at(domain.view), domain, cp
        self.tables: dict[tuple[tuple[str, ...], str | None], _Choices] = {}
        self.absent: dict[frozenset[str], Any] = {}
        self.counts: list[tuple[Cost, int, Any]] = []
        self.skipped = {name: self._skip(name) for name in costs.nesting.parents}
        for inner, outer in costs.nesting.parents.items():
            if outer is not None:
                cp.add_implication(self.skipped[outer], self.skipped[inner])
        self.widths = {s: {width: cp.new_bool_var("") for width in domain.options[s]} for s in domain.options}
        for space, taken in self.widths.items():
            cp.add(sum(taken.values()) == self._exists(space))

    def nest(self, larger: LevelModel) -> None:
        """Let no width be larger than that of a larger level, and skip what it skips."""
        for name, skipped in larger.skipped.items():
            self.cp.add_implication(skipped, self.skipped[name])
        for space, taken in self.widths.items():
            for least in taken:
                wide = [literal for width, literal in taken.items() if width >= least]
                wider = [literal for width, literal in larger.widths[space].items() if width >= least]
                self.cp.add(sum(wide) <= sum(wider))

    def loss(self) -> Any:
        """Return what the level loses."""
        losing = self.costs.losing
        widths = (
            losing.widths[s][width] * taken
            for s, by_width in self.widths.items()
            for width, taken in by_width.items()
        )
        return sum(widths) + sum(losing.skips[name] * skipped for name, skipped in self.skipped.items())

    def sum(self, cost: Cost) -> Any:
        """Return a cost as a linear expression."""
        from ortools.sat.python import cp_model

        literals: list[Any] = []
        factors: list[int] = []
        for term in cost:
            choices = self._without(term.without) if term.without else self._choices(term.spaces, term.block)
            literals += [taken for _, taken in choices]
            factors += [term.of(*widths) for widths, _ in choices]
        return cp_model.LinearExpr.weighted_sum(literals, factors)

    def rounded(self, cost: Cost, multiple: int) -> Any:
        """Return a cost rounded up to a multiple."""
        count = self.cp.new_int_var(0, -(-self.most(cost) // multiple), "")
        self.cp.add(multiple * count >= self.sum(cost))
        self.counts.append((cost, multiple, count))
        return multiple * count

    def most(self, cost: Cost) -> int:
        """Return what a cost cannot exceed."""
        return sum(max(0, *(term.of(*widths) for widths in self._options(term.spaces))) for term in cost)

    def copied(self, copies: Copies, larger: LevelModel | Widths) -> Any:
        """Return the bytes that are stored anew below a larger level: none where the widths are the same."""
        most = self.most(copies.cost)
        differs, nbytes = self.cp.new_bool_var(""), self.cp.new_int_var(0, most, "")
        for space in copies.spaces:
            above = larger.widths[space] if isinstance(larger, LevelModel) else {larger[space]: 1}
            for width, taken in self.widths[space].items():
                self.cp.add(differs >= taken - above.get(width, 0))
        self.cp.add(nbytes >= self.sum(copies.cost) - most * (1 - differs))
        return nbytes

    def hint(self, level: Level) -> None:
        """Let the search start from a level; call it when all costs are there, for their variables need one too."""
        for name, skipped in self.skipped.items():
            self.cp.add_hint(skipped, name in level.skipped)
        for space, taken in self.widths.items():
            is_gone = self._is_gone(space, level.skipped)
            for width, literal in taken.items():
                self.cp.add_hint(literal, width == level.widths[space] and not is_gone)
        for cost, multiple, count in self.counts:
            self.cp.add_hint(count, -(-evaluate(cost, level.widths, level.skipped) // multiple))
        for blocks, literal in self.absent.items():
            self.cp.add_hint(literal, blocks <= set(level.skipped))
        for (spaces, block), choices in self.tables.items():
            chosen = tuple(level.widths[space] for space in spaces)
            for widths, literal in choices:
                self.cp.add_hint(literal, widths == chosen and block not in level.skipped)

    def read(self, solver: Any) -> Level:
        """Return what the solver chose; a space that is gone has its narrowest width."""
        widths = {
            space: next((w for w, taken in by_width.items() if solver.boolean_value(taken)), min(by_width))
            for space, by_width in self.widths.items()
        }
        skipped = tuple(name for name, taken in self.skipped.items() if solver.boolean_value(taken))
        return self.domain.level(widths, skipped)

    def is_there(self, block: str | None) -> Any:
        """Return a literal for whether a block is not skipped; None stands for what cannot be."""
        return 1 if block is None else ~self.skipped[block]

    def _skip(self, name: str) -> Any:
        skipped = self.cp.new_bool_var("")
        if name in self.domain.must_skip or name not in self.domain.may_skip:
            self.cp.add(skipped == int(name in self.domain.must_skip))
        return skipped

    def _exists(self, space: str) -> Any:
        """Return a literal for whether one of the blocks of a space is not skipped."""
        blocks = self.costs.nesting.spaces[space]
        if len(blocks) == 1:
            return self.is_there(*blocks)
        exists = self.cp.new_bool_var("")
        self.cp.add_max_equality(exists, [self.is_there(block) for block in blocks])
        return exists

    def _options(self, spaces: Iterable[str]) -> Iterable[tuple[int, ...]]:
        return product(*(self.domain.options[space] for space in spaces))

    def _choices(self, spaces: tuple[str, ...], block: str | None) -> _Choices:
        """Return what these spaces may be where a block is there, as literals of which one is true, else none."""
        if not spaces:
            return [((), self.is_there(block))]
        if len(spaces) == 1 and self.costs.nesting.spaces[spaces[0]] == {block}:
            return [((width,), taken) for width, taken in self.widths[spaces[0]].items()]
        if (spaces, block) not in self.tables:
            self.tables[spaces, block] = (
                self._single(*spaces, block) if len(spaces) == 1 else self._pair(spaces, block)
            )
        return self.tables[spaces, block]

    def _without(self, blocks: frozenset[str]) -> _Choices:
        """Return a literal for whether all of some blocks are skipped."""
        if len(blocks) == 1:
            return [((), self.skipped[name]) for name in blocks]
        if blocks not in self.absent:
            self.absent[blocks] = self.cp.new_bool_var("")
            self.cp.add_min_equality(self.absent[blocks], [self.skipped[name] for name in sorted(blocks)])
        return [((), self.absent[blocks])]

    def _single(self, space: str, block: str | None) -> _Choices:
        """Return the widths of a space that exists without the block as well."""
        found: _Choices = [((width,), self.cp.new_bool_var("")) for width in self.widths[space]]
        for (_, both), taken in zip(found, self.widths[space].values(), strict=True):
            self.cp.add_implication(both, taken)
        self.cp.add(sum(both for _, both in found) == self.is_there(block))
        return found

    def _pair(self, spaces: tuple[str, ...], block: str | None) -> _Choices:
        found = {widths: self.cp.new_bool_var("") for widths in self._options(spaces)}
        for index, space in enumerate(spaces):
            for (width,), taken in self._choices((space,), block):
                self.cp.add(sum(both for widths, both in found.items() if widths[index] == width) == taken)
        return list(found.items())

    def _is_gone(self, space: str, skipped: Collection[str]) -> bool:
        blocks = self.costs.nesting.spaces[space]
        return all(block in skipped for block in blocks)
