"""From one graph to the levels: find the spaces, order their channels, choose widths, cut, check."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from redsc.budgets import Budgets
from redsc.errors import Diagnostic, InternalError, UsageError, did_you_mean
from redsc.files import read_file
from redsc.ir import Graph
from redsc.limits import DEFAULT_LIMITS
from redsc.options import Options
from redsc.passes import SELECTORS
from redsc.passes.base import load
from redsc.passes.losses.study import Study
from redsc.passes.select.check import Rules, fullness_problems, plan_problems
from redsc.passes.select.make_problem import given_problem, latency_bound, make_problem
from redsc.passes.select.problem import Candidate, Problem, Selection, Solver
from redsc.passes.select.shortfall import budget_error
from redsc.passes.select.sizes import select_sized
from redsc.passes.select.slots import select_distinct
from redsc.passes.ship import ship
from redsc.passes.slice.plan import Level, LevelPlan
from redsc.passes.slice.selftest import check_permutation, check_slice
from redsc.passes.spaces.structure import find_structure
from redsc.progress import Progress, silent
from redsc.runtime.data.view import WHOLE, View

__all__ = ["DEFAULT_LEVELS", "Levels", "choose_levels", "pose_levels"]

DEFAULT_LEVELS = ("100", "75", "50", "25")  # with --data, DESIGN: what is lossy needs leave
_LOSSLESS = ("100",)


@dataclass(frozen=True, slots=True)
class Levels:
    """The plan, the network of every level, and how they were found.

    `selector` is `none` for a lossless level; `solver` says how good the plan is known to be.
    """

    plan: LevelPlan
    networks: tuple[Candidate, ...]
    full_widths: Mapping[str, int]
    selector: str
    diagnostics: tuple[Diagnostic, ...]
    solver: Solver = Solver("given")

    @property
    def names(self) -> list[str]:
        """The names of the levels, the largest first."""
        return [level.name for level in self.plan.levels]

    @property
    def graphs(self) -> list[Graph]:
        """The graphs of the levels."""
        return [network.graph for network in self.networks]

    @property
    def slots(self) -> list[Graph]:
        """The graphs of the levels as the container has them."""
        return [network.shipped for network in self.networks]

    @property
    def views(self) -> list[View]:
        """What the levels see of an image."""
        return [level.view for level in self.plan.levels]

    def is_whole(self, slot: int) -> bool:
        """Whether a level is the whole network, on the whole image."""
        level = self.plan.levels[slot]
        return level.widths == self.full_widths and not level.skipped and level.view == WHOLE

    def only(self, slots: Sequence[int], budgets: Budgets) -> Levels:
        """Return some of the levels."""
        plan = replace(self.plan, levels=tuple(self.plan.levels[slot] for slot in slots))
        return replace(self, plan=plan, networks=ship([self.networks[slot] for slot in slots], budgets))


def pose_levels(graph: Graph, options: Options, study: Study | None = None, progress: Progress = silent) -> Problem:
    """Return the problem of choosing the levels that the options ask for: what all selectors have in common.

    A study says what cuts cost.
    """
    names = options.levels or (DEFAULT_LEVELS if options.data else _LOSSLESS)
    if not options.cuts:
        return make_problem(graph, options, names)
    problem = make_problem(graph, options, names, study, progress)
    check_permutation(graph, problem.groups)
    return problem


def choose_levels(graph: Graph, options: Options, posed: Problem | None = None) -> Levels:
    """Return the levels that the options ask for, cut out of a network whose weights stay as they are.

    Without level names, data, ratios or a plan there is one lossless level. The budgets, and what selectors
    ask besides, are those of the options; the problem is posed anew where none is given.

    Raises:
        BudgetError: no legal network fits.
        UsageError: the given plan or ratios do not fit this model.
    """
    if options.plan is not None:
        return _given(graph, options, options.plan)
    posed = posed or pose_levels(graph, options)
    problem = replace(posed, budgets=options.budgets, searching=options.searching)
    if not options.cuts:
        return _lossless(graph, problem)
    problem.progress("choosing levels")
    select = partial(select_sized, select=_selector(options.selector))
    selection = select_distinct(problem, select)
    _require_views(problem, selection.plan, options.selector)
    rules = Rules(options.budgets, options.width_multiple, problem.blocks, problem.latency)
    check = (graph, problem.groups, selection.plan, rules)
    problems = list(plan_problems(*check))
    if selection.solver.status != "given":
        problems += fullness_problems(*check)
    if problems:
        raise InternalError(f"selector {options.selector} made a wrong plan", code="I705", evidence=problems)
    return _cut(problem, selection, options.selector)


def _require_views(problem: Problem, plan: LevelPlan, selector: str) -> None:
    """Check that a selector gave every level the image that was asked for."""
    wanted = {request.name: request.view for request in problem.requests if request.view != WHOLE}
    missed = [level.name for level in plan.levels if level.view != wanted.get(level.name, level.view)]
    if missed:
        message = f"--select {selector} gives no level another image, {', '.join(missed)} should have one"
        raise UsageError(message, code="U225", hint="--select joint does, and so does --plan")


def _lossless(graph: Graph, problem: Problem) -> Levels:
    """Return the network as it is: not cut, not even permuted."""
    whole = problem.whole
    if not problem.fits([whole]):
        raise budget_error(problem, whole, "the model")
    networks = ship([_named(whole, graph, "100")], problem.budgets)
    return Levels(LevelPlan((Level("100", whole.widths),), {}), networks, problem.full, "none", ())


def _given(graph: Graph, options: Options, path: Path) -> Levels:
    """Return the levels of a plan file."""
    if options.levels:
        raise UsageError("--plan names the levels already, leave out --levels", code="U212")
    if options.resolutions or options.crops:
        hint = "leave out --resolution and --crop, or edit the plan"
        raise UsageError("--plan says already what levels see", code="U212", hint=hint)
    try:
        plan = LevelPlan.from_json(read_file(path, DEFAULT_LIMITS.text_bytes).decode("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the plan {path}", code="U205", evidence=[str(error)]) from error
    structure = find_structure(graph, options.freeze, plan.segments)
    rules = Rules(options.budgets, options.width_multiple, structure.blocks, latency_bound(options.budgets))
    problems = list(plan_problems(graph, structure.groups, plan, rules))
    if problems:
        raise UsageError(
            f"the plan {path.name} does not fit this model or its budgets", code="U208", evidence=problems
        )
    check_permutation(graph, structure.groups)
    problem = given_problem(graph, structure, plan, options.budgets, options.width_multiple)
    return _cut(problem, Selection(plan), "plan")


def _cut(problem: Problem, selection: Selection, selector: str) -> Levels:
    """Slice every level, and check each slice against the masked network."""
    networks, plan = [], selection.plan
    for level, found in zip(plan.levels, problem.networks(plan.levels), strict=True):
        if found.widths != problem.full or level.skipped:
            skipped = [block for block in problem.blocks if block.name in level.skipped]
            size = level.view.input_size
            check_slice(problem.graph, problem.groups, level.widths, found.graph, skipped, size)
        networks.append(_named(found, found.graph, level.name))
    shipped = ship(networks, problem.budgets)
    return Levels(plan, shipped, problem.full, selector, selection.diagnostics, selection.solver)


def _named(found: Candidate, graph: Graph, level: str) -> Candidate:
    """Return a chosen network under the name of its level."""
    return replace(found, graph=Graph(level, graph.inputs, graph.outputs, graph.nodes))


def _selector(name: str) -> Callable[[Problem], Selection]:
    if name not in SELECTORS:
        raise UsageError(f"there is no selector {name!r}", code="U209", hint=did_you_mean(name, SELECTORS))
    found: Callable[[Problem], Selection] = load(SELECTORS[name])
    return found
