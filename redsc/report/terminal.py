"""The report for people at a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import PurePath

from redsc.choices import Kernels
from redsc.codegen.oracles import Verification
from redsc.report.bounds import bounds
from redsc.report.data import Report
from redsc.report.level import ArenaReport, LevelReport
from redsc.report.text import print_facts, print_table
from redsc.units import size_with_unit

__all__ = [
    "fact_lines",
    "level_table",
    "print_files",
    "print_report",
    "verification_lines",
]

_KERNELS = "redsc_"  # how the names of the files begin that every model shares
_USUAL = {"image": "whole", "state": "0"}  # a column that says only this is left out
_MEANINGS = {  # of the columns that do not say it themselves
    "head": "tensors, which take turns",
    "TFLM head": "the same without redsc's plan",
    "nothing shared": "the arena if no result lay over an operand",
    "tail": "what TFLM keeps",
    "arena": "RAM of a level",
    "private": "flash that no larger level reads",
    "~us": "estimated time",
    "~uJ": "estimated energy",
}


def print_report(report: Report) -> None:
    """Print a report to stdout."""
    model = report.model
    print(f"\n{model.path}: {model.format}, {model.ops} ops, {model.macs:,} MACs; sizes in bytes")
    print_facts([_verdict(report)])
    print()
    header, rows = level_table(report)
    print_table(header, rows)
    print_facts(["; ".join(f"{name}: {_MEANINGS[name]}" for name in header if name in _MEANINGS), ""])
    print_facts(fact_lines(report))


def print_files(title: str, files: Mapping[str, bytes], notes: Mapping[str, str] | None = None) -> None:
    """Print files with their sizes under a title, each with its note; without notes the kernels are one line."""
    print(f"\n{title}")
    kernels = [] if notes is not None else [name for name in files if PurePath(name).name.startswith(_KERNELS)]
    for name in (name for name in files if name not in kernels):
        print(f"  {name:<28} {len(files[name]):>10,} B  {(notes or {}).get(name, '')}".rstrip())
    if kernels:
        nbytes = sum(len(files[name]) for name in kernels)
        print(f"  {f'{_KERNELS}*.c, {_KERNELS}*.h':<28} {nbytes:>10,} B  {len(kernels)} files: redsc's kernels")


def level_table(report: Report) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of the table of levels; sizes in it are in bytes."""
    rows = [_level_columns(level) for level in report.levels]
    header = [name for name in rows[0] if _tells(name, rows)]
    cells = [
        [*(row[name] for name in header), _quality_text(level)]
        for row, level in zip(rows, report.levels, strict=True)
    ]
    return [*header, _metric(report)], cells


def fact_lines(report: Report) -> list[str]:
    """Return lines about all levels together; up to `FACT_COLUMN` they name the fact, or are blank."""
    return [
        *_ram_lines(report),
        *_flash_lines(report),
        *_target_lines(report),
        *_cache_lines(report),
        *_solver_lines(report),
        *_cascade_lines(report),
        *_state_lines(report),
        *verification_lines(report.verification),
    ]


def verification_lines(rows: Sequence[Verification]) -> list[str]:
    """Return one line per oracle, with the levels it confirmed."""
    levels: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        levels.setdefault((row.oracle, row.result), []).append(row.level)
    lines = [f"{', '.join(names)}: {oracle}: {result}" for (oracle, result), names in levels.items()]
    return [f"{'proven ' if index == 0 else '       '} {line}" for index, line in enumerate(lines)]


def _verdict(report: Report) -> str:
    """Return what all levels take, beside the budgets."""
    found = [bound for bound in bounds(report) if bound.name != "MACs" or bound.budget]
    texts = [
        f"{bound.name} {bound.value}" + (f", {bound.percent} % of {bound.budget}" if bound.budget else "")
        for bound in found
    ]
    return f"{'fits' if any(bound.budget for bound in found) else 'needs'}: {'; '.join(texts)}"


def _level_columns(level: LevelReport) -> dict[str, str]:
    """Return what the table says of a level, by column."""
    return {
        "level": level.name,
        "image": _image(level),
        "MACs": f"{level.macs / 1e6:.3f}M",
        "%": f"{100 * level.macs_fraction:.1f}",
        **{name: f"{nbytes:,}" for name, nbytes in _arena_columns(level.arena).items()},
        "private": f"{level.private_bytes:,}",
        **{name: f"{cost:,}" for name, cost in _cost_columns(level).items()},
    }


def _tells(name: str, rows: Sequence[Mapping[str, str]]) -> bool:
    """Whether a column says something that is not so anyway, or said by another."""
    return any(row[name] != (row.get("head") if name == "TFLM head" else _USUAL.get(name)) for row in rows)


def _cost_columns(level: LevelReport) -> dict[str, int]:
    """Return the columns about time and energy, where they are known."""
    costs = {"~us": level.latency_us, "~uJ": level.energy_uj}
    return {name: cost for name, cost in costs.items() if cost is not None}


def _image(level: LevelReport) -> str:
    """Return what a level sees of the image."""
    seen = []
    if level.crop:
        top, left, height, width = level.crop
        seen.append(f"{height}x{width} at {top},{left}")
    if level.resolution:
        seen.append(f"as {level.resolution[0]}x{level.resolution[1]}")
    return " ".join(seen) or "whole"


def _arena_columns(arena: ArenaReport) -> dict[str, int]:
    """Return the columns about RAM; the C engine has no interpreter to keep anything."""
    if Kernels(arena.kernels).are_ours:
        return {
            "nothing shared": arena.tflm_greedy_head_bytes,
            "arena": arena.head_bytes,
            "state": arena.tail_bytes,
        }
    return {
        "head": arena.head_bytes,
        "TFLM head": arena.tflm_greedy_head_bytes,
        "tail": arena.tail_bytes,
        "arena": arena.total_bytes,
    }


def _metric(report: Report) -> str:
    measured = [level.quality.metric for level in report.levels if level.quality]
    return measured[0] if measured else "quality"


def _quality_text(level: LevelReport) -> str:
    quality = level.quality
    if quality is not None and quality.value is not None:
        return (
            f"{quality.value:.4f} ±{quality.margin:.3f}" if quality.margin is not None else f"{quality.value:.1f}"
        )
    if quality is not None:
        return "equal"
    return "lossless" if level.macs_fraction == 1 else "unmeasured"


def _ram_lines(report: Report) -> list[str]:
    budget = report.budget
    limits = {budget.resident: "" if budget.ram_bytes is None else f", budget {budget.ram_bytes:,} B"}
    arena = report.arena
    if Kernels(report.levels[0].arena.kernels).are_ours:
        bound = limits.get("all") or limits.get("one") or ""
        return [f"RAM     {size_with_unit(arena.resident_one_bytes)} for all levels, everything counted{bound}"]
    if len(report.levels) == 1:
        bound = limits[budget.resident]
        return [f"RAM     {size_with_unit(arena.resident_all_bytes)} for the whole arena{bound}"]
    return [
        f"RAM     {size_with_unit(arena.resident_all_bytes)} with every level ready{limits.get('all', '')}",
        f"        {size_with_unit(arena.resident_one_bytes)} with one level at a time{limits.get('one', '')}",
    ]


def _flash_lines(report: Report) -> list[str]:
    flash = report.flash
    structure = flash.container_bytes - flash.shared_weight_bytes - flash.private_bytes
    bound = "" if report.budget.flash_bytes is None else f", budget {report.budget.flash_bytes:,} B"
    private = "numbers of single levels" if len(report.levels) > 1 else "weights and other numbers"
    parts = {
        "weights that levels share": flash.shared_weight_bytes,
        private: flash.private_bytes,
        "structure": structure,
        "more for redsc's kernels": flash.kernel_bytes,
    }
    told = ", ".join(f"{nbytes:,} B {what}" for what, nbytes in parts.items() if nbytes)
    others = (
        f"        {nbytes:,} B with --share {sharing}"
        for sharing, nbytes in flash.by_sharing.items()
        if nbytes != flash.container_bytes
    )
    return [f"flash   {size_with_unit(flash.container_bytes)}{bound}", f"        {told}", *others]


def _target_lines(report: Report) -> list[str]:
    """Return what the target gave, and how good the estimates for it are."""
    budget, estimate = report.budget, report.estimate
    if budget.target is None:
        return []
    given = [name.removesuffix("_bytes") for name, source in budget.sources.items() if source == "target"]
    first = f"target  {budget.target}" + (f", from it: {', '.join(given)}" if given else "")
    if estimate is None:
        return [first, "        no table of its time with these kernels: docs/targets.md"]
    errors = {"time": estimate.latency_error_percent, "energy": estimate.energy_error_percent}
    known = [f"{name} ±{error:g} %" for name, error in errors.items() if error is not None]
    elsewhere = f" on {estimate.board}" if estimate.board not in (None, budget.target) else ""
    basis = dict.fromkeys(level.latency_basis or "" for level in report.levels)
    evidence = " or ".join(basis) if estimate.evidence == "measured" else estimate.evidence
    how = ", ".join([evidence, *known]) + elsewhere
    return [first, f"        estimates for {estimate.megahertz} MHz: {how}; {estimate.source}"]


def _cache_lines(report: Report) -> list[str]:
    """Return how often lines of the cache are filled with weights, and how often they would be without blocks."""
    cache = report.cache
    if cache is None:
        return []
    lines = []
    for row in cache.levels:
        was = f" (was {row.fills_before:,})" if row.fills < row.fills_before else ""
        room = f"; layers without RAM for blocks: {row.without_room}" if row.without_room else ""
        lines.append(f"{row.fills:,} line fills at level {row.level}{was}{room}")
    return [f"cache   {cache.name}: {lines[0]}", *(f"        {line}" for line in lines[1:])]


def _cascade_lines(report: Report) -> list[str]:
    """Return which levels run until one is sure, and what that saves and costs on samples that were held back."""
    cascade = report.cascade
    if cascade is None:
        return []
    steps = cascade.steps
    chain = [f", then {b.level} if the margin of its answer is below {a.threshold}" for a, b in pairwise(steps)]
    share, lost = 100 * cascade.macs_fraction, 100 * cascade.loss
    largest = f"level {report.levels[0].name}"
    cost = f"{cascade.macs / 1e6:.3f}M MACs on average, {share:.1f} % of {largest}"
    metric = f"agreement with {largest}" if cascade.metric == "agreement" else cascade.metric
    margin = (cascade.interval[1] - cascade.interval[0]) / 2
    change = f"{abs(lost):.2f} points {'lost' if lost >= 0 else 'gained'}"
    figure = f"{metric} {cascade.value:.4f} ±{margin:.3f}, {change}"
    first = f"cascade run {steps[0].level}{''.join(chain)}"
    return [first, f"        {cost}; {figure} on {cascade.samples:,} samples"]


def _state_lines(report: Report) -> list[str]:
    """Return what the network keeps between inferences, and what a switch of level does to it."""
    state = report.state
    if state is None:
        return []
    counted = f"{state.variables} variables, {state.bytes:,} B, " if state.variables else ""
    return [f"state   {counted}{state.switching}"]


def _solver_lines(report: Report) -> list[str]:
    """Return how good the plan is known to be, where something was searched."""
    solver = report.solver
    if solver.objective is None:
        return []
    among = "" if solver.grid is None else f", among {solver.grid} widths per space, then filled up"
    texts = {
        "given": "no search",
        "optimal": f"no other plan loses less{among}",
        "gap": f"the best may lose {100 * (solver.gap or 0):.1f} % less{among}",
    }
    known = texts.get(solver.status, "a heuristic")
    return [f"plan    {solver.selector}: loss {solver.objective:.4g} over all levels, {known}"]
