"""The order of operators with the least peak, with a proof or with a bound.

What is live depends on which steps have run, not on their order. So the search walks over sets of steps, and a way
through them costs the most that is live on it: a bottleneck shortest path, found by Dijkstra's algorithm with `max`
for the sum. Its states are those of SERENITY (Ahn et al., arXiv 2003.02369); the eager rule leaves few of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from heapq import heappop, heappush
from typing import NamedTuple

from redsc.cost.order.problem import OrderProblem, order_free_bound, peak_bytes, reuse_distance

__all__ = ["OrderPlan", "find_order", "greedy_order"]

_MOST_BITS = 1 << 27  # in all states: 200,000 of 671 steps, a graph with proof of 632 takes 175,000
_STATES_PER_STEP = 10  # what a depth-first search may try; where it succeeds, it mostly needs one

Order = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OrderPlan:
    """An order of steps and its peak in bytes; no order has a peak below `lower_bound`."""

    order: Order
    peak: int
    lower_bound: int
    states: int

    @property
    def is_optimal(self) -> bool:
        """Whether the peak is proven least."""
        return self.peak == self.lower_bound


def find_order(problem: OrderProblem, max_states: int = 200_000) -> OrderPlan:
    """Return the best order and what is proven about it.

    1. The peak is the least of all orders, or the least known where the search would expand more than `max_states`,
       or fewer of very many steps: a state has a bit for each.
    2. Of the known orders of that peak it is the one with the least reuse distance.
    3. It is the given order where no other is better in peak or, at the same peak, in reuse distance.
    """
    known = [tuple(range(len(problem.steps))), greedy_order(problem)]
    peak, bound, states = _least_peak(problem, known), order_free_bound(problem), 0
    moves = _Moves(problem)
    if bound < peak:
        found, bound, states = _search(moves, bound, peak, min(max_states, _MOST_BITS // len(problem.steps)))
        known += found
        peak = _least_peak(problem, known)
    for preference in _PREFERENCES:
        known += _depth_first(problem, moves, peak, preference)
    best = min(known, key=lambda order: (peak_bytes(problem, order), reuse_distance(problem, order)))
    return OrderPlan(best, peak_bytes(problem, best), bound, states)


def greedy_order(problem: OrderProblem) -> Order:
    """Return the order that always takes the step after which least is live, of equals the one that needs least."""
    moves = _Moves(problem)
    state, order = moves.start, []
    while state.ready:
        costs = [(*moves.cost(state, step), step) for step in state.ready]
        _, after, step = min(costs, key=lambda cost: (cost[1], cost[0], cost[2]))
        state = moves.take(state, step, after)
        order.append(step)
    return tuple(order)


def _least_peak(problem: OrderProblem, orders: Sequence[Order]) -> int:
    return min(peak_bytes(problem, order) for order in orders)


class _State(NamedTuple):
    """The steps that are left, as a bit mask; what is live before them, in bytes; those that can run next.

    One more bit is always left: the user, who reads the network's outputs after the last step.
    """

    left: int
    live: int
    ready: tuple[int, ...]


class _Move(NamedTuple):
    """A step in bit masks: a tensor dies here where this step is the only one left of its readers."""

    bit: int
    needs: int  # the steps that make its inputs
    enables: tuple[int, ...]  # the steps that read its outputs
    written: int  # bytes of outputs and scratch
    kept: int  # bytes of outputs that somebody reads
    reads: tuple[tuple[int, int], ...]  # per input: its readers, its bytes
    credits: tuple[tuple[int, int], ...]  # per credit: the readers of the input, the bytes saved


class _Moves:
    """Every step of a problem as a move from one state to the next."""

    def __init__(self, problem: OrderProblem) -> None:
        sources, readers = problem.predecessors(), _readers(problem)
        enables: list[list[int]] = [[] for _ in sources]
        for step, before in enumerate(sources):
            for source in sorted(before):
                enables[source].append(step)
        self._moves = [
            _Move(
                bit=1 << index,
                needs=sum(1 << source for source in sources[index]),
                enables=tuple(enables[index]),
                written=problem.nbytes(step.outputs) + step.scratch,
                kept=problem.nbytes(tensor for tensor in step.outputs if readers[tensor]),
                reads=tuple((readers[tensor], problem.sizes[tensor]) for tensor in step.inputs),
                credits=tuple((readers[tensor], nbytes) for tensor, nbytes in step.credits),
            )
            for index, step in enumerate(problem.steps)
        ]
        self.end = 1 << len(sources)
        live = problem.nbytes(tensor for tensor in problem.inputs if readers[tensor])
        ready = tuple(step for step, before in enumerate(sources) if not before)
        self.start = _State(2 * self.end - 1, live, ready)

    def cost(self, state: _State, step: int) -> tuple[int, int]:
        """Return the bytes that are live while a ready step runs, and after it."""
        bit, _, _, written, kept, reads, credits = self._moves[step]
        after, saved = state.live + kept, 0
        for readers, nbytes in reads:
            if readers & state.left == bit:
                after -= nbytes
        for readers, nbytes in credits:
            if readers & state.left == bit:
                saved = max(saved, nbytes)
        return state.live + written - saved, after

    def take(self, state: _State, step: int, live: int) -> _State:
        """Return the state after a ready step, with `live` bytes; what the step enables comes first in `ready`."""
        move = self._moves[step]
        left = state.left ^ move.bit
        ready = [other for other in move.enables if not self._moves[other].needs & left]
        ready += [other for other in state.ready if other != step]
        return _State(left, live, tuple(ready))

    def fitting(self, state: _State, limit: int) -> Iterator[tuple[int, int]]:
        """Yield the ready steps that run within a limit, each with what is live after it."""
        for step in state.ready:
            during, after = self.cost(state, step)
            if during <= limit:
                yield step, after


def _readers(problem: OrderProblem) -> list[int]:
    """Return for every tensor the steps that read it, as a bit mask; the bit behind the last step is the user."""
    readers = [0] * len(problem.sizes)
    for index, tensors in enumerate([*(step.inputs for step in problem.steps), problem.outputs]):
        for tensor in tensors:
            readers[tensor] |= 1 << index
    return readers


class _Ways:
    """The best known way from the start to every state; a key of `limit` or more is no use."""

    def __init__(self, start: _State, key: int, limit: int) -> None:
        self._start, self._limit = start.left, limit
        self._keys = {start.left: key}
        self._last: dict[int, tuple[int, Order]] = {}

    def add(self, left: int, key: int, source: int, steps: Order) -> bool:
        """Note a way to `left` that runs `steps` after `source`; return whether it is better than the known one."""
        if key >= self._keys.get(left, self._limit):
            return False
        self._keys[left], self._last[left] = key, (source, steps)
        return True

    def is_best(self, left: int, key: int) -> bool:
        """Whether no way with a lower key has been found since."""
        return key == self._keys[left]

    def order(self, left: int) -> Order:
        """Return the steps of the best way to a state."""
        order: list[int] = []
        while left != self._start:
            left, steps = self._last[left]
            order[:0] = steps
        return tuple(order)


_Waiting = tuple[int, int, int, _State, int | None, int]
"""In the heap: a state's key, how many steps are left and which; the one before, the last step, what is live.

Most states never leave the heap, so a state is made when it does.
"""


def _search(moves: _Moves, bound: int, limit: int, max_states: int) -> tuple[list[Order], int, int]:
    """Return the best order below `limit` if there is one, a bound of all orders, and the number of states.

    The key of a state is the most that is live on the way to it, and at least the known bound of all orders. The
    least key comes first, of equals the state with the fewest steps left: at the key of the best order the search
    dives, and ends there. As many states as may be expanded may wait: the limit is one of time and of memory.
    """
    ways, states = _Ways(moves.start, bound, limit), 0
    heap: list[_Waiting] = [(bound, 0, moves.start.left, moves.start, None, 0)]
    while heap and max(states, len(heap)) < max_states:
        key, _, reached, before, last, live = heappop(heap)
        if not ways.is_best(reached, key):
            continue
        states += 1
        state, taken = _run_eagerly(moves, before if last is None else moves.take(before, last, live), key)
        if taken and not ways.add(state.left, key, reached, taken):
            continue
        if state.left == moves.end:
            return [ways.order(state.left)], key, states
        for step in state.ready:
            during, after = moves.cost(state, step)
            left, most = state.left ^ (1 << step), max(key, during)
            if ways.add(left, most, state.left, (step,)):
                heappush(heap, (most, left.bit_count(), left, state, step, after))
    return [], heap[0][0] if heap else limit, states


def _run_eagerly(moves: _Moves, state: _State, key: int) -> tuple[_State, Order]:
    """Run the steps that no order regrets: those that fit below the key and leave no more live than before.

    Take an order that runs such a step later, and run it now instead. After any set on the way it frees what it
    frees here or more, so no more is live than without it; its inputs die no later, so no step loses a credit.
    """
    taken: list[int] = []
    while found := next((item for item in moves.fitting(state, key) if item[1] <= state.live), None):
        state = moves.take(state, *found)
        taken.append(found[0])
    return state, tuple(taken)


_Rank = tuple[int, ...]
_Preference = Callable[[Sequence[frozenset[int]], Mapping[int, int], int], _Rank]


def _depth_first(problem: OrderProblem, moves: _Moves, limit: int, preference: _Preference) -> list[Order]:
    """Return an order within a limit, if one is found soon: eager steps first, of equals the preferred one."""
    order: list[int] = []
    places: dict[int, int] = {}  # also of steps taken back; but what enables a ready step is in the order
    rank = partial(preference, problem.predecessors(), places)
    seen: set[int] = set()
    stack = [(moves.start, _choices(moves, moves.start, limit, rank))]
    while stack and len(seen) <= _STATES_PER_STEP * len(problem.steps):
        state, choices = stack[-1]
        if not state.ready:
            return [tuple(order)]
        if not choices:
            stack.pop()
            del order[-1:]
            continue
        step, live = choices.pop()
        following = moves.take(state, step, live)
        if following.left not in seen:
            seen.add(following.left)
            places[step] = len(order)
            order.append(step)
            stack.append((following, _choices(moves, following, limit, rank)))
    return []


def _choices(moves: _Moves, state: _State, limit: int, rank: Callable[[int], _Rank]) -> list[tuple[int, int]]:
    """Return the steps to try from a state, the best last, each with what is live after it; an eager one alone."""
    fitting = sorted(moves.fitting(state, limit), key=lambda item: rank(item[0]))
    eager = [item for item in fitting if item[1] <= state.live]
    return eager[-1:] or fitting


def _rank_given(_sources: Sequence[frozenset[int]], _places: Mapping[int, int], step: int) -> _Rank:
    """Prefer what comes first in the given order."""
    return (-step,)


def _rank_newest(sources: Sequence[frozenset[int]], places: Mapping[int, int], step: int) -> _Rank:
    """Prefer what reads the tensor made last."""
    return (max((places[source] for source in sources[step]), default=-1), -step)


_PREFERENCES: tuple[_Preference, ...] = (_rank_given, _rank_newest)
