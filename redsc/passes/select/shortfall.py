"""Say what does not fit, where it peaks, and what would help."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from redsc.choices import Kernels, Resident
from redsc.cost.liveness import peak_working_set
from redsc.cost.memory import measure_memory, resident_bytes
from redsc.cost.working import working_bytes
from redsc.engine.rows import refusals
from redsc.errors import BudgetError, Diagnostic
from redsc.ir import Graph, Value, copy_graph
from redsc.passes.base import Log, run_passes
from redsc.passes.quantize.fuse_lookups import FuseLookups
from redsc.passes.quantize.int8 import is_int8
from redsc.passes.select.problem import Candidate, LevelRequest, Problem
from redsc.units import other_reading, parse_size, size_with_unit

__all__ = ["budget_error", "equal_level", "level_misfit", "levels_above", "peak_lines"]

_MOST_SPACES = 12


def budget_error(problem: Problem, candidate: Candidate, what: str) -> BudgetError:
    """Return the error for a network that misses its budgets; `what` names it in the message."""
    misses = list(_misses(problem, problem.requests[0], [candidate], what))
    code, message = misses[0]
    evidence = [text for _, text in misses[1:]]
    if code == "R501":
        evidence += [*peak_lines(candidate.graph, problem.budgets.kernels), _parts(candidate)]
    return BudgetError(message, code=code, evidence=evidence, hint=_HINTS[code](problem, candidate))


def levels_above(problem: Problem, requests: Sequence[LevelRequest], slot0_name: str) -> list[Diagnostic]:
    """Return the note on levels that are larger than what the budgets allow; none if there are no such levels."""
    if not requests:
        return []
    whole = problem.whole
    everything = LevelRequest("100", whole.macs)
    evidence = [text for _, text in _misses(problem, everything, [whole], "the whole network")]
    names = ", ".join(request.name for request in requests)
    if not evidence:
        return [equal_level(names, slot0_name)]
    message = f"level {names} is left out: slot 0 is level {slot0_name}, what the selector found inside the budgets"
    return [Diagnostic("L101", message, tuple(evidence))]


def equal_level(left_out: str, kept: str) -> Diagnostic:
    """Return the note on a level that would be the network of another."""
    return Diagnostic("L104", f"level {left_out} is left out: it would be the network of level {kept}")


def level_misfit(
    problem: Problem, request: LevelRequest, others: Sequence[Candidate], least: Candidate
) -> Diagnostic:
    """Return the note on a level that does not fit beside the levels chosen before it."""
    levels, budget = [*others, least], problem.budgets.ram_bytes
    misses = list(_misses(problem, request, levels, "the set with it", "its narrowest form"))
    evidence = [text for _, text in misses]
    if "R503" in (code for code, _ in misses):
        evidence += _frozen(problem)
    one = resident_bytes([level.memory for level in levels], Resident.ONE)
    hint = None
    if budget is not None and problem.ram(levels) > budget >= one:
        hint = f"--resident one keeps it in {one:,} B: a switch then allocates the level anew"
    return Diagnostic("L102", f"level {request.name} is left out", tuple(evidence), hint)


def _frozen(problem: Problem) -> list[str]:
    """Return which spaces keep their width whatever the ceiling, and why."""
    spaces = [space for space in problem.groups.spaces if space.frozen]
    lines = [f"frozen: {space.name}, {space.size} channels: {space.frozen}" for space in spaces[:_MOST_SPACES]]
    more = len(spaces) - len(lines)
    return [*lines, f"and {more} more: `redsc levels --spaces` lists them"] if more else lines


def _misses(
    problem: Problem, request: LevelRequest, levels: Sequence[Candidate], what: str, last: str | None = None
) -> Iterator[tuple[str, str]]:
    """Yield code and sentence for every bound that is missed; `what` names all levels, `last` the last of them."""
    budgets = problem.budgets
    if budgets.ram_bytes is not None and problem.ram(levels) > budgets.ram_bytes:
        written = f" ({budgets.ram_text})" if budgets.ram_text else ""
        yield "R501", f"{what} needs {problem.ram(levels):,} B of RAM, budget is {budgets.ram_bytes:,} B{written}"
    if budgets.flash_bytes is not None and problem.flash(levels) > budgets.flash_bytes:
        yield "R502", f"{what} needs {problem.flash(levels):,} B of flash, budget is {budgets.flash_bytes:,} B"
    ceiling = problem.ceiling_macs(request)
    if levels[-1].macs > ceiling:
        yield "R503", f"{last or what} takes {levels[-1].macs:,} MACs, the ceiling is {ceiling:,}"
    if problem.latency is not None and problem.microseconds(levels[0]) > problem.latency.microseconds:
        time, most = problem.microseconds(levels[0]), problem.latency.microseconds
        table = problem.latency.table
        yield "R504", f"{what} takes {time:,} us on {table.name} ({table.evidence}), budget is {most:,} us"


def peak_lines(graph: Graph, kernels: Kernels = Kernels.SAFE) -> list[str]:
    """Return the step at which most is live, and what."""
    peak = peak_working_set(graph)
    if peak is None:
        return []
    live = [f"{_label(value)} {value.type.nbytes:,} B" for value in peak.values]
    live += [f"scratch {nbytes:,} B" for nbytes in working_bytes(peak.node, kernels)]
    return [
        f'at step {peak.step + 1} of {len(graph.nodes)}, {peak.node.op} "{peak.node.name}"',
        f"live then: {' + '.join(live)}",
    ]


def _label(value: Value) -> str:
    """Return the user's name for a tensor: that of the layer which makes it."""
    return value.name if value.producer is None else f"{value.producer.name}.out"


def _parts(candidate: Candidate) -> str:
    memory = candidate.memory
    bound = f"{memory.lower_bound_bytes:,} B at least in this order"
    more = f" + planning {memory.temporary_bytes:,} B" if memory.temporary_bytes else ""
    return f"head {memory.head_bytes:,} B ({bound}) + tail {memory.tail_bytes:,} B{more}"


def _narrowest(problem: Problem) -> Candidate:
    """Return slot 0 at its narrowest, with all of its blocks."""
    return problem.candidate(problem.narrowest, view=problem.requests[0].view)


def _ram_hint(problem: Problem, candidate: Candidate) -> str:
    needed, least, budgets = problem.ram([candidate]), problem.ram([_narrowest(problem)]), problem.budgets
    engine = None if budgets.kernels.are_ours else _engine_bytes(candidate.graph)
    fits = engine is not None and engine <= (budgets.ram_bytes or 0)
    ways = [f"--backend c runs the same network in {size_with_unit(engine or 0)}"] if fits else []
    ways += _as_int8(candidate.graph, "RAM")
    return _size_hint("RAM", budgets.ram_text, budgets.ram_bytes, needed, least, ways)


def _flash_hint(problem: Problem, candidate: Candidate) -> str:
    needed, least, budgets = problem.flash([candidate]), problem.flash([_narrowest(problem)]), problem.budgets
    ways = _as_int8(candidate.graph, "flash")
    return _size_hint("flash", budgets.flash_text, budgets.flash_bytes, needed, least, ways)


def _size_hint(
    what: str, text: str | None, budget: int | None, needed: int, least: int, ways: Sequence[str]
) -> str:
    """Return the next action: the other reading of the unit, else `ways` that cut nothing, then what cuts do."""
    reading = _reading_hint(text, needed)
    if reading is not None:
        return reading
    size = f"{size_with_unit(least)} of {what}"
    if least >= needed:
        cuts = f"the least {what} that would do is {size_with_unit(needed)}"
    elif budget is not None and least > budget:
        cuts = f"--levels alone are not enough: {_NARROWEST} needs {size}"
    else:
        cuts = f"{_CUTTING} needs {size}"
    return "; ".join((*ways, cuts))


def _as_int8(graph: Graph, what: str) -> list[str]:
    """Return the way to less of everything that float networks have."""
    return [] if is_int8(graph) else [f"--data FILE.npz makes it int8, in a third to a half of the {what}"]


def _engine_bytes(graph: Graph) -> int | None:
    """Return the RAM that a network takes in the C engine; None if that has no kernels for it."""
    lowered = run_passes(copy_graph(graph), [FuseLookups(Kernels.ENGINE)], Log())
    if refusals([lowered], Kernels.ENGINE):
        return None
    return measure_memory(lowered, Kernels.ENGINE).arena_bytes


def _reading_hint(text: str | None, needed: int) -> str | None:
    """Return the other reading of a size like `38KB` or `20` where that would do."""
    other = other_reading(text or "")
    if text is None or other is None or needed > other[1]:
        return None
    return f"{text} was read as {parse_size(text):,} B; if you meant {other[1]:,} B write {other[0]}"


def _macs_hint(problem: Problem, candidate: Candidate) -> str:
    least = _narrowest(problem)
    start = _CUTTING if least.macs < candidate.macs else _NARROWEST
    return f"{start} has {problem.real_name(least)} % of the MACs"


def _latency_hint(problem: Problem, candidate: Candidate) -> str:
    least = _narrowest(problem)
    start = _CUTTING if least.macs < candidate.macs else _NARROWEST
    return f"{start} takes {problem.microseconds(least):,} us"


_NARROWEST = "the narrowest legal network"
_CUTTING = f"--levels 25,50,75,100 cuts channels (unmeasured without --data); {_NARROWEST}"
_HINTS = {"R501": _ram_hint, "R502": _flash_hint, "R503": _macs_hint, "R504": _latency_hint}
