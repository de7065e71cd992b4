"""A sweep: what is not there yet is computed, every point is kept as soon as it is finished."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from redsc.codegen.files import write_files
from redsc.cost.latency import find_latency_table
from redsc.errors import OutputError
from redsc.options import Options
from redsc.passes.levels import DEFAULT_LEVELS
from redsc.progress import Progress, silent
from redsc.report.sweep import Sweep, SweptPoint
from redsc.store import Store
from redsc.sweep.bundle import Bundle
from redsc.sweep.cluster import run_on_cluster
from redsc.sweep.front import mark_front
from redsc.sweep.grid import Point, labels
from redsc.sweep.local import Work, run_local

__all__ = ["run_sweep"]


def run_sweep(
    models: Sequence[Path],
    options: Options,
    points: Sequence[Point],
    output: Path,
    jobs: int | None = None,
    scheduler: str | None = None,
    progress: Progress = silent,
) -> Sweep:
    """Return what becomes of every model at every point.

    Points that a sweep before left in the folder `points` of `output`, with the same files, options and version,
    are taken from there. The others are computed by `jobs` processes, as many as there are cores, or on the cluster
    of the scheduler.

    Raises:
        RedscError: of the class that says what is wrong; finished points are kept. One where nothing fits is none.
    """
    _require_folder(output)
    models = list(dict.fromkeys(models))
    options = replace(options, levels=options.levels or DEFAULT_LEVELS)
    progress("reading the models")
    bundles = [Bundle.of(path, options, label) for path, label in zip(models, labels(models), strict=True)]
    store = Store(output / "points")
    wanted = {bundle.key(point): (bundle, point) for bundle in bundles for point in points}
    found = {key: data for key in wanted if (data := store.get(key)) is not None}
    missing = {key: pair for key, pair in wanted.items() if key not in found}
    work: list[Work] = [
        (bundle, own)
        for bundle in bundles
        if (own := {key: point for key, (other, point) in missing.items() if other is bundle})
    ]
    progress("sweeping", len(found), len(wanted))
    with closing(_computed(work, jobs, scheduler)) as results:
        for key, data in results:
            store.put(key, data)
            found[key] = data
            progress("sweeping", len(found), len(wanted))
    table = find_latency_table(options.budgets)
    estimates = None if table is None else f"{table.name}, {table.evidence}"
    return Sweep(mark_front([SweptPoint.from_json(found[key]) for key in wanted]), estimates)


def _computed(
    work: list[Work], jobs: int | None, scheduler: str | None
) -> Generator[tuple[str, bytes], None, None]:
    if not work:
        return
    if scheduler is not None:
        yield from run_on_cluster(work, scheduler)
    else:
        yield from run_local(work, min(jobs or os.cpu_count() or 1, sum(len(own) for _, own in work)))


def _require_folder(output: Path) -> None:
    """Check that points can be kept: a store that cannot be written would keep none, and say nothing."""
    write_files(output, {})
    if not os.access(output, os.W_OK):
        raise OutputError(f"cannot write into {output}", hint="choose another directory with -o")
