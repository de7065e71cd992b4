"""Leave out widths that cannot be part of better levels than those that are known: bounds by dynamic programming.

What a level loses at least is found by going once over its spaces, for every number of MACs that are spent until
then. RAM, which all levels share, has a price per byte instead: what levels lose with it, less the price of all
there is, is never more than what they lose (Lagrangian relaxation). That they nest is left out, and MACs are
counted in units, rounded down.

Source: Handler and Zang, A dual algorithm for the constrained shortest path problem (Networks 10, 1980).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import floor, inf

from redsc.choices import Resident
from redsc.passes.select.exact.cp_level import LevelDomain
from redsc.passes.select.exact.cp_sat import Query, Solved, solve
from redsc.passes.select.exact.dynamic_program import Choices, DynamicProgram, Variable
from redsc.passes.select.sums.costs import Costs
from redsc.passes.select.sums.ram import shared_bytes
from redsc.passes.select.sums.terms import Term
from redsc.passes.slice.plan import Level

__all__ = ["narrowed", "solve_narrowing"]

_EFFORTS = (0.4, 1.5, 4.5, 13.5)  # of deterministic time, one to two seconds each
_NEVER = 10**12  # more than any loss
_RAISE = 3.0  # of the price, as long as that raises the bound
_MOST_RAISES = 8


def solve_narrowing(
    costs: Costs, query: Query, hint: Sequence[Level], *, is_known: bool, efforts: Sequence[float] = _EFFORTS
) -> Solved | None:
    """Return what `solve` does, with more and more effort: what is found narrows the query.

    `is_known` is whether the hint is levels that keep all bounds.
    """
    best: Solved | None = Solved(tuple(hint), costs.lost(hint), 0) if is_known else None
    for effort in efforts:
        query = narrowed(costs, query, best.objective if best else inf)
        solved = solve(costs, query, effort, best.levels if best else hint)
        if solved is not None:
            least = max(min(solved.bound, solved.objective), best.bound if best else 0)
            best = Solved(solved.levels, solved.objective, least)
        if best is not None and best.is_optimal:
            break
    return best


def narrowed(costs: Costs, query: Query, most_lost: float) -> Query:
    """Return the query without what only levels have that lose more in sum, and with what each loses at least."""
    programs = [program for domain in query.domains if (program := _program(costs, domain))]
    if len(programs) < len(query.domains):
        return query
    query = replace(
        query, least_losses=tuple(floor(min(max(program.least(0.0), 0), _NEVER)) for program in programs)
    )
    if most_lost == inf:
        return query
    price, bound = _best_price(programs, _room(costs, query), most_lost)
    domains = (
        _without(domain, program.least_by_choice(price), most_lost - bound + program.least(price))
        for domain, program in zip(query.domains, programs, strict=True)
    )
    return replace(query, domains=tuple(domains))


def _best_price(programs: Sequence[DynamicProgram], room: int | None, most_lost: float) -> tuple[float, float]:
    """Return a price per byte of RAM and what all levels lose at least by it, the most of a few prices."""
    best = 0.0, sum(program.least(0.0) for program in programs)
    if not room or room < 0:
        return best
    price = max(most_lost - best[1], 1) / room
    for _ in range(_MOST_RAISES):
        bound = sum(program.least(price) for program in programs) - price * room
        if bound <= best[1]:
            break
        best, price = (price, bound), price * _RAISE
    return best


def _room(costs: Costs, query: Query) -> int | None:
    """Return the bytes that the stacks of all levels may take together, None where they have no such bound."""
    ram, limit = costs.ram, query.ram_bytes
    if ram is None or limit is None or ram.resident is Resident.ONE:
        return None
    beside = (*query.above, *query.below)
    shared, count = shared_bytes(beside), len(query.domains)
    return limit - shared - ram.others_bytes(count, beside) - count * ram.tail.ports


def _program(costs: Costs, domain: LevelDomain) -> DynamicProgram | None:
    costs = costs.at(domain.view)
    tail = [term for stack in costs.ram.tail.stacks for term in stack] if costs.ram else []
    return DynamicProgram.of(
        _choices(costs, domain), costs.macs, tuple(tail), tuple(_losses(costs, domain)), domain.ceiling_macs
    )


def _choices(costs: Costs, domain: LevelDomain) -> Choices:
    """Return what a level may choose, in the order of the network: a block right before the spaces it has alone."""
    choices = dict[Variable, tuple[int, ...]]()
    own = {space: block for space, blocks in costs.nesting.spaces.items() for block in blocks if len(blocks) == 1}
    for space, widths in domain.options.items():
        if (block := own.get(space)) is not None:
            choices["skip", block] = _skips(domain, block)
        choices["width", space] = widths
    return choices | {("skip", name): _skips(domain, name) for name in costs.nesting.parents}


def _skips(domain: LevelDomain, block: str) -> tuple[int, ...]:
    return (1,) if block in domain.must_skip else (0, 1) if block in domain.may_skip else (0,)


def _losses(costs: Costs, domain: LevelDomain) -> Iterator[Term]:
    """Yield what choices lose, at least: a space of several blocks loses nothing."""
    losing, nesting = costs.losing, costs.nesting
    for space, (narrowest, *_) in domain.options.items():
        if len(nesting.spaces[space]) == 1:
            (block,) = nesting.spaces[space]
            yield Term(losing.widths[space].__getitem__, (space,), block)
            if block is not None:  # a space that is gone has its narrowest width
                gone = frozenset({block})
                yield Term(lambda width, least=narrowest: _NEVER * (width > least), (space,), None, gone)
    for name, outer in nesting.parents.items():
        yield Term(lambda loss=losing.skips[name]: loss, (), None, frozenset({name}))
        if outer is not None:
            yield Term(lambda: _NEVER, (), name, frozenset({outer}))


def _without(domain: LevelDomain, least: dict[Variable, dict[int, float]], most: float) -> LevelDomain:
    """Return a domain without the choices that lose more than that."""
    kept = {v: tuple(c for c, lost in by.items() if lost <= most + 1) or tuple(by) for v, by in least.items()}
    skips = {name: choices for (kind, name), choices in kept.items() if kind == "skip"}
    return replace(
        domain,
        options={space: kept["width", space] for space in domain.options},
        must_skip=frozenset(name for name, choices in skips.items() if 0 not in choices),
        may_skip=frozenset(name for name, choices in skips.items() if 1 in choices),
    )
