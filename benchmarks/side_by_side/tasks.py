"""Parts of redsc without a verb of their own, as programs: `python -m benchmarks.side_by_side.tasks NAME ...`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

CP_SAT_TIME = 1.0  # of deterministic time for each question: ten times what a compile gives


def order(source: str, result: str) -> None:
    """Write a model with its operators in the order of the least peak, and nothing else done."""
    from redsc.formats import load_model, write_tflite
    from redsc.passes.base import Log
    from redsc.passes.schedule import Schedule

    graph = load_model(Path(source)).graph
    Schedule().run(graph, Log())
    Path(result).write_bytes(write_tflite(graph))


def convert(source: str, result: str) -> None:
    """Write a model file as a .tflite, its numbers as they are."""
    from redsc.compile import read_model
    from redsc.formats import write_tflite

    Path(result).write_bytes(write_tflite(read_model(Path(source)).graph))


def pack(source: str, result: str, capacity: str) -> None:
    """Write the offsets of the buffers of a .csv of minimalloc, for a capacity in bytes."""
    from redsc.cost.arena import Effort, plan_arena
    from tests.cost.memory_graphs import load_packing

    problem = load_packing(Path(source))
    plan = plan_arena(problem, Effort.FULL, int(capacity), CP_SAT_TIME)
    rows = zip(problem.buffers, plan.offsets, strict=True)
    lines = (f"{b.name},{b.live.start},{b.live.end},{b.size},{offset}" for b, offset in rows)
    Path(result).write_text("\n".join(("id,lower,upper,size,offset", *lines, "")))


TASKS: dict[str, Callable[..., None]] = {made.__name__: made for made in (convert, order, pack)}

if __name__ == "__main__":
    TASKS[sys.argv[1]](*sys.argv[2:])
