"""Buffers into one arena: published networks and google/minimalloc's instances, by redsc and by minimalloc.

Published networks get the bytes that are the least of all, proven by a lower bound that some plan reaches.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from redsc.cost.arena import arena_problems, lower_bound_bytes
from tests.cost.memory_graphs import load_packing

from .process import ROOT, Failed, Taken, run, task
from .row import Row, attempt
from .setting import Setting

__all__ = ["compare"]

CAPACITY = 1 << 20  # of the instances of minimalloc, in bytes


def compare(setting: Setting) -> Iterator[Row]:
    """Yield a row per instance and tool."""
    memory = setting.zoo / "memory"
    paths = [*sorted(memory.glob("packing/*.csv")), *sorted(memory.glob("minimalloc/?.*.csv"))]
    for path in paths[:: 6 if setting.is_quick else 1]:
        capacity = CAPACITY if path.parent.name == "minimalloc" else lower_bound_bytes(load_packing(path))
        made, judged = setting.scratch / f"{path.stem}.out.csv", partial(height, path, capacity)
        for tool, do in (("redsc", _redsc), ("minimalloc", _minimalloc)):
            made.unlink(missing_ok=True)
            subject = path.stem.split(".")[0].removeprefix("pack_")
            yield attempt(subject, tool, partial(do, setting, path, capacity, made), judged, made)


def _redsc(setting: Setting, source: Path, capacity: int, made: Path) -> Taken:
    return run(task("pack", source, made, str(capacity)), ROOT, setting.limit)


def _minimalloc(setting: Setting, source: Path, capacity: int, made: Path) -> Taken:
    if setting.minimalloc is None:
        raise Failed("left out: --minimalloc is not given")
    files = f"--input={source}", f"--output={made}"
    return run([setting.minimalloc, f"--capacity={capacity}", *files], setting.scratch, setting.limit)


def height(source: Path, capacity: int, made: Path) -> str:
    """Return what a plan is worth: its height, if it is one."""
    problem = load_packing(source)
    with made.open() as file:
        offsets = {row["id"]: int(row["offset"]) for row in csv.DictReader(file)}
    if not offsets:
        return "no plan"
    planned = [offsets[buffer.name] for buffer in problem.buffers]
    top = max(offset + buffer.size for offset, buffer in zip(planned, problem.buffers, strict=True))
    wrong = arena_problems(problem, planned, top)
    fits = "fits" if top <= capacity else f"does not fit into {capacity:,} B"
    return f"not valid: {wrong[0]}" if wrong else f"{top:,} B, {fits}"
